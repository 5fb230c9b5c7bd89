"""Every hard rule: an example in which it fires, a near miss in which it does not.

And the control beside the guard: with a rule taken out of ``RULES`` the library proposes something
that ``verify`` catches by itself, so the second check is a check of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from shelter_solver import (
    Nights,
    Person,
    Problem,
    Sharing,
    Side,
    Stay,
    Unit,
    Zone,
    Zoning,
    constraints,
    offers,
    place,
    verify,
)
from solver.network import apart, housed, north, party, problem, site, unit


@dataclass(frozen=True)
class Case:
    """Anna may not have the one unit in ``fires``; the smallest difference allows it."""

    rule: str
    fires: Problem
    passes: Problem
    #: what distinguishes this case from the rule's other ones
    story: str = ""


SHARED: dict[str, Any] = {"sharing": Sharing.SHARED, "beds": 4}
WOMEN = {Person.WOMAN: 2}
PERPETRATORS = site("theirs", audience=Side.PERPETRATORS, point=north(3))


def needs(rule: str, asked: dict[str, Any], lacks: dict[str, Any], has: dict[str, Any]) -> Case:
    """The party asks for something; one unit lacks it, another has it."""
    anna = party(**asked)
    return Case(rule, problem(anna, unit(**lacks)), problem(anna, unit(**has)))


def avoids(rule: str, asked: dict[str, Any], not_asked: dict[str, Any], **where: Any) -> Case:
    """The party avoids where the unit is, or something just beside it."""
    there = (site(**where), unit())
    return Case(rule, problem(party(**asked), *there), problem(party(**not_asked), *there))


def beside(rule: str, clash: Any, near_miss: Any, story: str = "", **room: Any) -> Case:
    """Another household stays in the unit, in the way or just not."""
    return Case(
        rule,
        problem(party(), clash, unit(**room)),
        problem(party(), near_miss, unit(**room)),
        story,
    )


def near(rule: str, km: float, enough_km: float, **apart_values: Any) -> Case:
    """Bea, from whom Anna is kept apart, lives at a distance."""

    def at(distance: float) -> Problem:
        return problem(
            site(),
            unit(),
            site("bea's", point=north(distance)),
            unit("bea's", "bea's", closed=(Nights(7, 8),)),
            party(first_night=0, nights=8),
            housed("bea", "bea's", 0, 7),
            apart("anna", "bea", **apart_values),
        )

    return Case(rule, at(km), at(enough_km), "distance")


CASES = [
    Case(
        "nights",
        problem(party(nights=7), unit(), horizon=6),
        problem(party(nights=7), unit(), horizon=7),
        "beyond the horizon",
    ),
    Case(
        "nights",
        problem(party(first_night=-1), unit()),
        problem(party(first_night=0), unit()),
        "before tonight",
    ),
    Case(
        "audience",
        problem(party(), site(audience=Side.PERPETRATORS), unit()),
        problem(party(side=Side.PERPETRATORS), site(audience=Side.PERPETRATORS), unit()),
    ),
    needs(
        "admits",
        {"people": {Person.WOMAN: 1, Person.TEEN_BOY: 1}},
        {"admits": frozenset(Person) - {Person.TEEN_BOY}},
        {"admits": frozenset({Person.WOMAN, Person.TEEN_BOY})},
    ),
    needs("beds", {"people": {Person.WOMAN: 3, Person.INFANT: 1}}, {"beds": 2}, {"beds": 3}),
    needs("cots", {"people": {Person.WOMAN: 1, Person.INFANT: 2}}, {"cots": 1}, {"cots": 2}),
    needs("step_free", {"step_free": True}, {}, {"step_free": True}),
    needs("pets", {"pets": True}, {}, {"pets": True}),
    needs("quiet", {"quiet": True}, {}, {"quiet": True}),
    needs("supervision", {"min_supervision": 2}, {"supervision": 1}, {"supervision": 2}),
    needs(
        "intake_hours",
        {"arrival_hour": 18},
        {"intake_from": 8, "intake_until": 18},
        {"intake_from": 8, "intake_until": 19},
    ),
    needs(
        "intake_hours",
        {"arrival_hour": 6},
        {"intake_from": 20, "intake_until": 6},
        {"intake_from": 20, "intake_until": 7},
    ),
    avoids("excluded_site", {"excluded_sites": frozenset({"home"})}, {}),
    avoids(
        "excluded_place",
        {"excluded_places": frozenset({"bus:71"})},
        {"excluded_places": frozenset({"bus:7"})},
        places=frozenset({"bus:71"}),
    ),
    avoids(
        "danger_zone",
        {"danger_zones": (Zone(north(3), 3100.0),)},
        {"danger_zones": (Zone(north(3), 2900.0),)},
    ),
    avoids(
        "excluded_commune",
        {"excluded_communes": frozenset({"Ixelles"})},
        {"excluded_communes": frozenset({"Uccle"})},
    ),
    Case(
        "zoning",
        problem(party(), unit(), site(), PERPETRATORS, zoning=Zoning(3100.0)),
        problem(party(), unit(), site(), PERPETRATORS, zoning=Zoning(2900.0)),
        "distance",
    ),
    Case(
        "zoning",
        problem(
            party(),
            unit(),
            site(places=frozenset({"service:cpas"})),
            site("theirs", audience=Side.PERPETRATORS, places=frozenset({"service:cpas"})),
        ),
        problem(
            party(),
            unit(),
            site(places=frozenset({"park:royal"})),
            site("theirs", audience=Side.PERPETRATORS, places=frozenset({"park:royal"})),
        ),
        "shared place",
    ),
    needs("closed", {}, {"closed": (Nights(6, 9),)}, {"closed": (Nights(7, 9),)}),
    Case(
        "kept_back",
        problem(party(urgency=2), unit(kept_back=(Nights(0, 2),))),
        problem(party(urgency=3), unit(kept_back=(Nights(0, 2),))),
    ),
    needs("max_stay", {}, {"max_stay_nights": 6}, {"max_stay_nights": 7}),
    Case(
        "max_stay",
        problem(party(present=(Stay("room", -3, 0),)), unit(max_stay_nights=9)),
        problem(party(present=(Stay("room", -3, -1),)), unit(max_stay_nights=9)),
        "nights already stayed",
    ),
    near("separation", 2.9, 3.1, min_distance_m=3000.0),
    Case(
        "separation",
        problem(party(), unit(), unit("next"), housed("bea", "next", 6, 9), apart("anna", "bea")),
        problem(party(), unit(), unit("next"), housed("bea", "next", 7, 9), apart("anna", "bea")),
        "same site",
    ),
    Case(
        "separation",
        problem(
            site(places=frozenset({"bus:71"})),
            site("far", point=north(9), places=frozenset({"bus:71"})),
            party(),
            unit(),
            unit("away", "far", closed=(Nights(9, 10),)),
            housed("bea", "away", 0, 9),
            apart("anna", "bea"),
        ),
        problem(
            site(places=frozenset({"bus:71"})),
            site("far", point=north(9), places=frozenset({"bus:71"})),
            party(),
            unit(),
            unit("away", "far", closed=(Nights(9, 10),)),
            housed("bea", "away", 0, 9),
            apart("anna", "bea", shared_places=False),
        ),
        "shared place",
    ),
    beside("occupied", housed("bea", "room", 6, 9), housed("bea", "room", 7, 9)),
    beside(
        "capacity",
        housed("bea", "room", 3, 5, people={Person.WOMAN: 3}),
        housed("bea", "room", 3, 5, people={Person.WOMAN: 2}),
        "beds",
        **SHARED,
    ),
    Case(
        "capacity",
        problem(
            party(people={Person.WOMAN: 1, Person.INFANT: 1}),
            housed("bea", "room", people={Person.WOMAN: 1, Person.INFANT: 1}),
            unit(cots=1, **SHARED),
        ),
        problem(
            party(people={Person.WOMAN: 1, Person.INFANT: 1}),
            housed("bea", "room", people={Person.WOMAN: 1, Person.INFANT: 1}),
            unit(cots=2, **SHARED),
        ),
        "cots",
    ),
    beside(
        "cleaning",
        housed("bea", "room", 8, 9),
        housed("bea", "room", 9, 10),
        "before the next",
        cleaning_nights=2,
    ),
    beside(
        "cleaning",
        housed("bea", "room", -5, -1),
        housed("bea", "room", -5, -2),
        "after the last",
        cleaning_nights=2,
    ),
    beside(
        "cleaning",
        housed("bea", "room", -2, 0, people={Person.WOMAN: 3}),
        housed("bea", "room", -2, 0, people={Person.WOMAN: 2}),
        "beds of a shared unit",
        cleaning_nights=1,
        **SHARED,
    ),
    beside(
        "shared_gender",
        housed("bob", "room", 6, 9, people={Person.MAN: 1}),
        housed("bob", "room", 7, 9, people={Person.MAN: 1}),
        sharing=Sharing.SHARED_SAME_GENDER,
    ),
    Case(
        "together",
        problem(party(people=WOMEN), unit(beds=1), unit("next", beds=1)),
        problem(party(people=WOMEN, may_use_two_units=True), unit(beds=1), unit("next", beds=1)),
    ),
    Case(
        "change_of_unit",
        problem(party(), unit(closed=(Nights(4, 9),)), unit("next", closed=(Nights(0, 3),))),
        problem(
            party(may_change_unit=True),
            unit(closed=(Nights(4, 9),)),
            unit("next", closed=(Nights(0, 3),)),
        ),
    ),
]
IDS = [f"{case.rule}: {case.story}" if case.story else case.rule for case in CASES]
#: rules that forbid ways to combine units, so a refusal names what blocks the single units
COMBINING = {"together", "change_of_unit"}


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == {code for code, _ in constraints.RULES}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_rule_fires(case: Case) -> None:
    answer = place(case.fires, "anna")
    assert not answer.options
    assert answer.refusal is not None
    if case.rule not in COMBINING | {"audience"}:
        assert case.rule in [reason.code for reason in answer.refusal.blocked]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_rule_does_not_fire_for_a_near_miss(case: Case) -> None:
    answer = place(case.passes, "anna")
    assert answer.options
    assert not verify(case.passes, {"anna": answer.options[0].stays})


def without(rule: str) -> tuple[tuple[str, constraints.Rule], ...]:
    return tuple((code, function) for code, function in constraints.RULES if code != rule)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_verify_catches_what_a_missing_rule_would_let_pass(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "RULES", without(case.rule))
    monkeypatch.setattr(offers, "verify", lambda *_: ())
    answer = place(case.fires, "anna")
    caught = verify(case.fires, {"anna": answer.options[0].stays})
    assert case.rule in {violation.rule for violation in caught}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_with_a_rule_missing_nothing_unsafe_is_offered(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "RULES", without(case.rule))
    answer = place(case.fires, "anna")
    assert not answer.options
    assert answer.refusal is not None
    assert [reason.code for reason in answer.refusal.blocked] == ["unverified"]


def test_a_household_alone_in_a_same_gender_unit_keeps_its_rule_too() -> None:
    """A couple does not share one gender, whoever else is there."""
    couple = party(people={Person.WOMAN: 1, Person.MAN: 1})
    room: Unit = unit(sharing=Sharing.SHARED_SAME_GENDER)
    assert not place(problem(couple, room), "anna").options


def test_who_lives_there_already_does_not_arrive_again() -> None:
    anna = party(first_night=3, nights=4, arrival_hour=3, present=(Stay("room", 0, 3),))
    room = unit(intake_from=8, intake_until=18)
    assert place(problem(anna, room), "anna").options
