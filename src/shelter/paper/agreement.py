"""The agreement of precarious occupancy: a template, with blanks for the names."""

from __future__ import annotations

from datetime import timedelta

from shelter import i18n
from shelter.paper.layout import Paper
from shelter.paper.words import Say, day, moment, teller
from shelter.services.papers import PlacePaper


def agreement_pdf(it: PlacePaper, language: str) -> bytes:
    """In one language. Names, money and signatures are written by hand."""
    t = teller(language)
    foot = t("paper.foot", at=moment(language, it.printed_at, it.timezone))
    paper = Paper(t("paper.agreement.title"), foot, language)
    paper.text(t("paper.agreement.lead"))
    paper.facts([(t("paper.reference"), it.code)])
    paper.heading(t("paper.agreement.between"))
    paper.facts([(t("paper.agreement.service"), it.service)])
    paper.blanks([t("paper.agreement.represented"), t("paper.agreement.occupant")])
    paper.facts([(t("paper.agreement.people"), str(it.people))])
    _place(paper, it, language, t)
    _time(paper, it, language, t)
    paper.heading(t("paper.agreement.why"))
    paper.text(t("paper.agreement.why.text"), t("paper.agreement.domicile"))
    paper.blanks([t("paper.agreement.money")])
    paper.heading(t("paper.agreement.rules"))
    paper.points(
        [
            t("paper.rules.address"),
            t("paper.rules.visits"),
            t("paper.rules.location"),
            t("paper.rules.calm"),
            t("paper.rules.safe"),
            t("paper.rules.care"),
            t("paper.rules.help"),
        ]
    )
    paper.heading(t("paper.agreement.end"))
    paper.text(t("paper.agreement.end.text"))
    paper.heading(t("paper.agreement.signed"))
    paper.text(t("paper.agreement.copies"))
    paper.blanks(
        [
            t("paper.agreement.place_and_date"),
            t("paper.agreement.sign_service"),
            t("paper.agreement.sign_occupant"),
        ]
    )
    return paper.pdf()


def _place(paper: Paper, it: PlacePaper, language: str, t: Say) -> None:
    paper.heading(t("paper.agreement.place"))
    for place in it.places:
        paper.facts([(t("paper.site"), place.site), (t("paper.unit"), place.unit)])
        if len(it.places) > 1:
            paper.facts(
                [
                    (t("paper.first_night"), day(language, place.first_night)),
                    (t("paper.leaving"), day(language, place.end_night)),
                ]
            )
        if place.address is not None:
            paper.facts([(t("paper.address"), place.address)])
        else:
            paper.blanks([t("paper.address.by_hand")])


def _time(paper: Paper, it: PlacePaper, language: str, t: Say) -> None:
    paper.heading(t("paper.agreement.time"))
    last = it.end_night - timedelta(days=1)
    paper.facts(
        [
            (t("paper.first_night"), day(language, it.first_night)),
            (t("paper.last_night"), day(language, last)),
            (t("paper.leaving"), day(language, it.end_night)),
        ]
    )
    for length in it.lengths:
        if length.max_stay_nights is None:
            paper.text(t("paper.no_limit", unit=length.unit.label))
            continue
        paper.text(
            t(
                "paper.own_length",
                unit=length.unit.label,
                nights=i18n.plural(language, "request.nights", length.max_stay_nights),
                renewals=i18n.plural(language, "duration.renewals", length.renewals_left),
            )
        )
    paper.text(t("paper.agreement.renewal"))
