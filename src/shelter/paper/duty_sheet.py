"""The duty sheet of a service: tonight on paper, and what to do while the system is down."""

from __future__ import annotations

from shelter import i18n
from shelter.domain.network import Network
from shelter.paper.layout import Paper
from shelter.paper.words import Say, day, moment, short_moment, teller
from shelter.services.duty import ServiceDuty
from shelter.services.duty_sheets import Sheet

#: rows for what is decided by hand meanwhile
BY_HAND = 6


def duty_sheet_pdf(it: Sheet, network: Network, language: str) -> bytes:
    """In one language: of one side, without a case reference and without an address."""
    t = teller(language)
    printed = moment(language, it.printed_at, it.timezone)
    paper = Paper(t("paper.duty.title"), t("paper.foot", at=printed), language)
    paper.big(printed)
    of = it.service
    if it.two_sided:
        of = f"{it.service} – {t(f'side.{it.side}')}"
    paper.facts([(t("paper.agreement.service"), of), (t("paper.network"), it.network)])
    paper.text(t("paper.duty.lead"))
    _here(paper, it, language, t)
    _free(paper, it, network, language, t)
    paper.heading(t("rota.now"))
    paper.table(
        (t("paper.service"), t("paper.who"), t("paper.phone")),
        [row for each in it.duties for row in _calls(each, t)],
        (5, 4, 3),
    )
    paper.heading(t("offer.elsewhere"))
    paper.facts((each.name, each.phone or t("paper.no_phone")) for each in it.fallbacks)
    paper.heading(t("paper.duty.by_phone"))
    paper.points(
        [
            t("paper.duty.step.danger"),
            t("paper.duty.step.call"),
            t("paper.duty.step.ask"),
            t("paper.duty.step.apart"),
            t("paper.duty.step.promise"),
            t("paper.duty.step.write"),
            t("paper.duty.step.later"),
        ],
        numbered=True,
    )
    paper.lines(
        t("paper.duty.by_hand"),
        (
            t("paper.hour"),
            t("paper.place"),
            t("paper.people"),
            t("paper.nights"),
            t("paper.decided_by"),
        ),
        BY_HAND,
        (2, 4, 3, 2, 4),
    )
    return paper.pdf()


def _here(paper: Paper, it: Sheet, language: str, t: Say) -> None:
    paper.heading(t("paper.duty.here", day=day(language, it.tonight)))
    if not it.here:
        paper.text(t("paper.duty.nobody"))
        return
    paper.table(
        (t("paper.code"), t("paper.place"), t("paper.state"), t("paper.until")),
        [
            (
                each.code,
                f"{each.site} – {each.unit}",
                t(f"state.{each.state}")
                + (
                    f", {t('arrival.towards', hour=each.arrival_hour)}"
                    if each.arrival_hour is not None and each.state == "confirmed"
                    else ""
                ),
                i18n.date_text(language, each.until),
            )
            for each in it.here
        ],
        (2, 5, 4, 3),
    )


def _free(paper: Paper, it: Sheet, network: Network, language: str, t: Say) -> None:
    paper.heading(t("paper.duty.free"))
    if not it.free:
        paper.text(t("paper.duty.full"))
        return
    paper.table(
        (t("paper.place"), t("paper.commune"), t("paper.room"), t("paper.phone"), t("paper.known")),
        [
            (
                f"{each.site} – {each.unit}",
                network.commune(each.commune).name(language),
                i18n.plural(language, "unit.beds", each.beds)
                + (f", {i18n.plural(language, 'unit.cots', each.cots)}" if each.cots else ""),
                each.phone or t("paper.no_phone"),
                short_moment(language, each.known_at, it.timezone),
            )
            for each in it.free
        ],
        (5, 3, 3, 3.4, 3.4),
    )


def _calls(duty: ServiceDuty, t: Say) -> list[tuple[str, str, str]]:
    """Each number of a service once, in the order in which to try them."""
    return [
        (
            duty.service.name,
            person.name if person is not None else t("paper.own_phone"),
            number,
        )
        for person, _line, number in duty.calls
    ]
