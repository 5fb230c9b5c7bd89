"""The network's settings in words: the file and nothing else, for those who answer for it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from shelter.db.session import Database
from shelter.domain.alerts import AlertKind
from shelter.domain.network_file import parse_network
from shelter.networks import BUNDLED, bundled
from shelter.services import duty
from shelter_api.pages.network_settings import LEGAL, missing_texts, span_text
from support.server import DEMO_USERS, As, client_of
from support.world import secova_world

FRESH = re.compile(r'name="key" value="[^"]+"')


@pytest.mark.parametrize("login", list(DEMO_USERS))
def test_the_settings_are_for_coordinators_and_administrators(
    sqlite_database: Database, login: str
) -> None:
    world = secova_world(sqlite_database)
    with client_of(world) as client:
        answer = As(client, world.system, login).call("GET", "/settings")
    assert answer.status_code == (200 if login in {"coordination", "admin"} else 403)


def test_the_page_says_what_the_file_says(database: Database) -> None:
    world = secova_world(database)
    network = parse_network(bundled("secova"))
    with client_of(world) as client:
        text = As(client, world.system, "coordination").call("GET", "/settings").text
    text = unescape(text).replace("\N{NO-BREAK SPACE}", " ")
    for service in network.services:
        assert service.name in text
        assert service.duty_phone is None or service.duty_phone in text
    for commune in network.communes:
        assert commune.name("fr") in text
    for said in ("20 minutes", "24 heures", "22:00", "07:00", "3 km", "5 km", "Version 1"):
        assert said in text, said
    assert text.count('class="plain ladder"') == 2 + len(network.escalation.kinds)
    assert "shelter network load" in text
    for secret in (world.system.settings.database_url, "SHELTER_", "k1"):
        assert secret not in text.split("<main", 1)[1], secret


def test_legal_texts_that_are_missing_are_a_warning(database: Database) -> None:
    def with_texts(text: str) -> str:
        filled = "\n".join(f'{name} = "Texte {name}"' for name in LEGAL)
        return re.sub(r"(?ms)^\[legal\].*?(?=^\[)", "", text) + f"\n[legal]\n{filled}\n"

    world = secova_world(database, edited=with_texts)
    with client_of(world) as client:
        complete = As(client, world.system, "admin").call("GET", "/settings").text
    assert "Textes juridiques manquants" not in complete
    bare = parse_network(re.sub(r"(?ms)^\[legal\].*?(?=^\[)", "", bundled("secova")))
    assert missing_texts(bare) == LEGAL  # control


def test_the_page_depends_on_the_file_alone(database: Database) -> None:
    """What a side's service sets, an administrator of no side is not told."""
    world = secova_world(database)
    worker = world.user("garde.aywaille")
    with client_of(world) as client:

        def page(login: str) -> str:
            return FRESH.sub("", As(client, world.system, login).call("GET", "/settings").text)

        before = [page("admin"), page("coordination")]
        world.do(worker, duty.set_phones, str(worker.service), "+32499000111", None)
        assert [page("admin"), page("coordination")] == before
    assert world.do(worker, lambda tx: tx.duty_phone(str(worker.service))) == "+32499000111"


@pytest.mark.parametrize("name", [name for name in BUNDLED if not name.endswith(".sample")])
def test_every_alert_of_every_bundled_network_has_a_ladder(name: str) -> None:
    network = parse_network(bundled(name))
    for kind in AlertKind:
        steps = network.escalation.steps_of(kind)
        assert steps and steps[0].after == timedelta(), kind


def test_lengths_are_said_in_a_unit_that_is_read_at_a_glance() -> None:
    said = [
        span_text("fr", length).replace("\N{NO-BREAK SPACE}", " ")
        for length in (
            timedelta(minutes=3),
            timedelta(minutes=90),
            timedelta(hours=24),
            timedelta(days=5),
        )
    ]
    assert said == ["3 minutes", "90 minutes", "24 heures", "5 jours"]
    assert span_text("de", timedelta(hours=24)) == "24 Stunden"
