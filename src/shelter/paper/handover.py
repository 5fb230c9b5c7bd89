"""The handover sheet: what to do at the door, and whom to call."""

from __future__ import annotations

from shelter.domain.handover import Checklist, Handover
from shelter.paper.layout import Paper
from shelter.paper.words import day, moment, teller
from shelter.services.papers import PlacePaper


def handover_pdf(it: PlacePaper, language: str) -> bytes:
    """In one language; without an address and without a name."""
    t = teller(language)
    foot = t("paper.foot", at=moment(language, it.printed_at, it.timezone))
    paper = Paper(t("paper.handover.title"), foot, language)
    paper.facts([(t("paper.reference"), it.code), (t("paper.agreement.service"), it.service)])
    for place in it.places:
        paper.facts([(t("paper.site"), place.site), (t("paper.unit"), place.unit)])
    paper.facts(
        [
            (t("paper.first_night"), day(language, it.first_night)),
            (t("paper.leaving"), day(language, it.end_night)),
            (t("transport.title"), _transport(it, language)),
        ]
    )
    paper.blanks([t("paper.address.by_hand")])
    for checklist in Checklist:
        items = it.lists[checklist]
        if not items:
            continue
        paper.heading(t(f"checklist.{checklist}"))
        paper.boxes(
            (
                item.done,
                item.text
                or t(f"handover.{item.step}")
                + (
                    f" – {t('handover.first_visit.due', day=day(language, item.due))}"
                    if item.step == Handover.FIRST_VISIT and item.due is not None
                    else ""
                ),
            )
            for item in items
        )
    paper.heading(t("paper.phones"))
    paper.facts(_phones(it, language))
    paper.heading(t("paper.steps"))
    paper.points(
        [
            t("paper.handover.step.arrive"),
            t("paper.handover.step.show"),
            t("paper.handover.step.rules"),
            t("paper.handover.step.sign"),
            t("paper.handover.step.phones"),
            t("paper.handover.step.report"),
        ],
        numbered=True,
    )
    paper.blanks([t("paper.remarks")])
    return paper.pdf()


def _transport(it: PlacePaper, language: str) -> str:
    t = teller(language)
    if it.transport is None:
        return t("transport.unsaid")
    said = t(f"transport.{it.transport}")
    if it.transport_hour is None:
        return said
    return f"{said} – {t('arrival.towards', hour=it.transport_hour)}"


def _phones(it: PlacePaper, language: str) -> list[tuple[str, str]]:
    t = teller(language)
    found = [(t("paper.duty_phone"), it.duty_phone), (t("paper.second_phone"), it.second_phone)]
    found += [(t("paper.site_phone", site=place.site), place.phone) for place in it.places]
    known = [(name, number) for name, number in found if number is not None]
    return [*known, (t("paper.emergency"), "112"), (t("paper.police"), "101")]
