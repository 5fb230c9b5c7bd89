"""Second factors in a real Chromium: passkeys of a virtual device, and the code app."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from e2e.people import People, Screen, t
from shelter import cli
from shelter.domain.sides import SYSTEM
from shelter.services.accounts import reset_factors
from support.server import Server, running_server

POLICE, WORKER = "sapv.secova", "garde.aywaille"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """By a name: a passkey is made for a name, and 127.0.0.1 is a number."""
    with running_server(tmp_path_factory.mktemp("passkeys"), host="localhost") as running:
        yield running


@pytest.fixture
def people(browser: Browser, server: Server, size: ViewportSize) -> Iterator[People]:
    everybody = People(browser, server, size)
    yield everybody
    faults = everybody.leave()
    assert not faults, "pages misbehaved:\n" + "\n".join(faults)


def give_device(screen: Screen) -> Callable[[bool], None]:
    """Plug a passkey device in; the answer says whether its holder is recognised from now on."""
    session = screen.page.context.new_cdp_session(screen.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def recognise(yes: bool) -> None:
        session.send(
            "WebAuthn.setUserVerified",
            {"authenticatorId": device["authenticatorId"], "isUserVerified": yes},
        )

    return recognise


def sign_out(screen: Screen) -> None:
    screen.page.locator("details.account summary").click()
    screen.press("session.sign_out")
    expect(screen.page).to_have_url(re.compile("/sign-in$"))


def test_a_passkey_is_set_up_where_the_role_needs_it_and_then_signs_in_alone(
    people: People, server: Server
) -> None:
    server.system.run(SYSTEM, lambda tx: reset_factors(tx, POLICE))
    police = people()
    recognise = give_device(police)
    police.sign_in(POLICE, cli.DEMO_PASSWORD)
    expect(police.page.locator("h1")).to_have_text(t("second.set_up"))
    police.go("/alerts")  # no session yet, whatever is asked for
    expect(police.page).to_have_url(re.compile("/sign-in$"))
    police.go("/sign-in/second")
    police.press("passkey.add")
    expect(police.page.locator(".codes li")).to_have_count(10)
    police.link("recovery.noted").click()
    police.reads("home.sapv.title")
    sign_out(police)

    police.press("passkey.sign_in")
    police.reads("home.sapv.title")
    sign_out(police)

    police.sign_in(POLICE, cli.DEMO_PASSWORD)
    police.press("passkey.show")
    police.reads("home.sapv.title")
    sign_out(police)

    # control: a device that does not recognise its holder says nothing, and the page tells
    recognise(False)
    police.press("passkey.sign_in")
    expect(police.page.locator("[data-passkey-told]")).to_be_visible()
    recognise(True)
    police.press("passkey.sign_in")
    police.reads("home.sapv.title")


def test_a_code_app_is_set_up_by_typing_its_key_and_asked_for_from_then_on(
    people: People, server: Server
) -> None:
    server.system.run(SYSTEM, lambda tx: reset_factors(tx, WORKER))
    worker = people()
    worker.sign_in(WORKER, cli.DEMO_PASSWORD)
    worker.go("/account")
    worker.press("account.set_up")
    worker.page.locator(".steps summary").click()
    key = worker.page.locator("code.secret").inner_text().replace(" ", "")
    worker.page.locator("#code").fill(pyotp.TOTP(key).now())
    worker.press("app.prove")
    codes = worker.page.locator(".codes li").all_inner_texts()
    assert len(set(codes)) == 10
    worker.link("recovery.noted").click()
    expect(worker.page.locator("h1")).to_have_text(t("account.title"))
    sign_out(worker)

    worker.sign_in(WORKER, cli.DEMO_PASSWORD)
    worker.show_code("000000")
    expect(worker.notice).to_contain_text(t("error.wrong_code"))
    worker.show_code(codes[0])
    worker.reads("home.on_call.title")


def test_another_device_is_seen_and_signed_out(people: People) -> None:
    lost, mine = people("logement.sprimont"), people("logement.sprimont")
    mine.go("/account")
    before = mine.page.locator("[aria-labelledby=h-sessions] .line").count()
    mine.press("account.end_others")
    expect(mine.page.locator("[aria-labelledby=h-sessions] .line")).to_have_count(1)
    assert before >= 2
    lost.go("/")
    expect(lost.page).to_have_url(re.compile("/sign-in$"))


@pytest.mark.parametrize("size", [{"width": 390, "height": 844}], indirect=False)
def test_without_scripts_there_is_a_way_in_and_no_dead_button(people: People) -> None:
    visitor = people(java_script_enabled=False)
    visitor.go("/sign-in")
    expect(visitor.button("passkey.sign_in")).to_be_hidden()
    visitor.sign_in("garde.trooz", cli.DEMO_PASSWORD)
    visitor.reads("home.on_call.title")
