"""A refusal offers the smallest change that helps, and relaxes nothing that protects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from shelter_solver import (
    Agreement,
    Change,
    Nights,
    Party,
    Person,
    Problem,
    Refusal,
    Side,
    Stay,
    Zone,
    place,
    verify,
)
from solver.network import (
    apart,
    housed,
    north,
    party,
    problem,
    random_problem,
    site,
    unit,
    with_party,
)


def refused(given: Problem, identifier: str = "anna") -> Refusal:
    answer = place(given, identifier)
    assert not answer.options
    assert answer.refusal is not None
    return answer.refusal


def the(code: str, changes: Iterable[Change]) -> Change:
    return next(change for change in changes if change.code == code)


def codes(given: Problem) -> list[str]:
    return [change.code for change in refused(given).changes]


# --- what would help ------------------------------------------------------------------------------


def test_the_first_later_night_is_named() -> None:
    given = problem(party(), unit(), housed("bea", "room", 0, 3))
    change = the("another_night", refused(given).changes)
    assert change.params == {"days": 3, "first_night": 3}
    assert change.option is not None
    assert change.option.stays == (Stay("room", 3, 10),)


def test_no_night_later_than_a_week_is_proposed() -> None:
    assert "another_night" in codes(problem(party(), unit(closed=(Nights(0, 7),))))
    assert "another_night" not in codes(problem(party(), unit(closed=(Nights(0, 8),))))


def test_the_longest_shorter_stay_is_named() -> None:
    given = problem(
        party(), unit(), unit("next"), housed("bea", "room", 3, 99), housed("cleo", "next", 5, 99)
    )
    change = the("shorter_stay", refused(given).changes)
    assert change.params == {"nights": 5}
    assert change.option is not None
    assert change.option.stays == (Stay("next", 0, 5),)


def test_the_fewest_cots_to_bring_are_named() -> None:
    twins = party(people={Person.WOMAN: 1, Person.INFANT: 3})
    assert the("bring_cots", refused(problem(twins, unit())).changes).params == {"cots": 2}


def test_two_units_or_a_change_are_proposed_to_those_who_did_not_allow_them() -> None:
    large = party(people={Person.WOMAN: 1, Person.CHILD: 5})
    assert "two_units" in codes(problem(large, unit(), unit("next")))
    given = problem(party(), unit(closed=(Nights(4, 9),)), unit("next", closed=(Nights(0, 3),)))
    assert "change_unit" in codes(given)


def test_the_reserve_is_proposed_to_those_who_are_not_urgent_enough() -> None:
    assert "release_kept_back" in codes(problem(party(), unit(kept_back=(Nights(0, 2),))))


def test_a_commune_is_proposed_only_when_it_alone_would_help() -> None:
    given = problem(
        party(excluded_communes=frozenset({"Ixelles", "Uccle", "Forest"})),
        site(),
        site("far", commune="Uccle"),
        unit(),
        unit("taken", "far", closed=(Nights(0, 60),)),
    )
    changes = [c for c in refused(given).changes if c.code == "widen_communes"]
    assert [change.params for change in changes] == [{"commune": "Ixelles"}]


# --- one agreed move ------------------------------------------------------------------------------


def one_move(**bea: object) -> Problem:
    """Only the large unit suits Anna's six; Bea is alone in it and would fit into the small one."""
    settings = {"people": {Person.WOMAN: 1}, "move_agreement": Agreement.PARTY, **bea}
    return with_party(
        problem(
            party(people={Person.WOMAN: 1, Person.CHILD: 5}),
            unit("large", beds=6),
            unit("small", beds=1),
            housed("bea", "large", -2, 9),
        ),
        "bea",
        **settings,
    )


def test_one_household_that_agreed_moves_from_tonight_on() -> None:
    change = the("move_one", refused(one_move()).changes)
    assert change.params == {"agreement": "party", "km": 0}
    assert change.moved_party == "bea"
    assert change.moved_to == (Stay("small", 0, 9),)
    assert change.option is not None
    assert change.option.stays == (Stay("large", 0, 7),)
    assert not verify(one_move(), {"anna": change.option.stays, "bea": change.moved_to})


@pytest.mark.parametrize(
    "bea",
    [
        {"move_agreement": Agreement.NONE},
        {"step_free": True},
        {"people": {Person.WOMAN: 2}},
        {"excluded_sites": frozenset({"home"})},
    ],
)
def test_nobody_moves_against_their_agreement_or_their_needs(bea: dict[str, object]) -> None:
    assert "move_one" not in codes(one_move(**bea))


def test_the_unit_that_is_left_is_cleaned_before_the_next_party_comes() -> None:
    """Bea slept in it last night: with a night for cleaning it is not free tonight."""
    given = one_move()
    units = tuple(replace(unit, cleaning_nights=1) for unit in given.units)
    assert "move_one" not in codes(replace(given, units=units))


def test_only_households_of_the_same_side_are_asked_to_move() -> None:
    """Bob's site is too near; moving him would help, but his side must not learn of Anna."""
    theirs = {"audience": Side.PERPETRATORS}
    given = problem(
        party(),
        site(),
        site("near", point=north(1), **theirs),
        site("far", point=north(50), **theirs),
        unit(),
        unit("n", "near"),
        unit("f", "far"),
        housed("bob", "n", side=Side.PERPETRATORS, move_agreement=Agreement.PARTY),
        apart("anna", "bob", min_distance_m=9000.0),
    )
    assert "move_one" not in codes(given)


def test_a_household_kept_apart_may_move_to_open_a_site() -> None:
    given = problem(
        party(),
        site(),
        site("far", point=north(9)),
        unit(),
        unit("next"),
        unit("f", "far", beds=1),
        housed("bea", "next", people={Person.WOMAN: 1}, move_agreement=Agreement.SERVICE),
        apart("anna", "bea"),
    )
    change = the("move_one", refused(given).changes)
    assert change.params == {"agreement": "service", "km": 9}
    assert change.moved_to == (Stay("f", 0, 7),)


# --- what is never relaxed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "protected",
    [
        problem(party(excluded_sites=frozenset({"home"})), unit()),
        problem(party(danger_zones=(Zone(north(1), 5000.0),)), unit()),
        problem(
            party(excluded_places=frozenset({"bus:71"})), unit(), site(places=frozenset({"bus:71"}))
        ),
        problem(party(), unit(), unit("next"), housed("bea", "next", 0, 60), apart("anna", "bea")),
        problem(party(), unit(), site(audience=Side.PERPETRATORS)),
        problem(
            party(),
            unit(),
            site(places=frozenset({"building:a"})),
            site("theirs", audience=Side.PERPETRATORS, places=frozenset({"building:a"})),
        ),
    ],
    ids=["burned site", "danger zone", "place", "separation", "audience", "zoning"],
)
def test_no_change_relaxes_what_protects(protected: Problem) -> None:
    assert refused(protected).changes == ()


# --- every change is true -------------------------------------------------------------------------


def made(given: Problem, asking: Party, change: Change) -> Problem:
    """The problem once the change has been made, written down once more."""
    anna: dict[str, object] = {}
    if change.code == "bring_cots":
        anna = {"own_cots": asking.own_cots + int(change.params["cots"])}
    elif change.code == "release_kept_back":
        return replace(given, kept_back_urgency=asking.urgency)
    elif change.code == "two_units":
        anna = {"may_use_two_units": True}
    elif change.code == "change_unit":
        anna = {"may_change_unit": True}
    elif change.code == "another_night":
        anna = {"first_night": change.params["first_night"], "latest_first_night": None}
    elif change.code == "shorter_stay":
        anna = {"nights": change.params["nights"], "latest_first_night": None}
    elif change.code == "widen_communes":
        left = asking.excluded_communes - {str(change.params["commune"])}
        anna = {"excluded_communes": left}
    else:
        assert change.code == "move_one"
    return with_party(given, asking.id, **anna)


def test_every_change_opens_the_option_that_it_shows() -> None:
    seen = set()
    for seed in range(500):
        given = random_problem(seed)
        asking = given.parties[-1]
        given = given.seen_by(asking.side)
        answer = place(given, "new")
        for change in answer.refusal.changes if answer.refusal else ():
            seen.add(change.code)
            assert change.option is not None
            stays = {"new": change.option.stays}
            if change.moved_party:
                stays[change.moved_party] = change.moved_to
            assert not verify(made(given, asking, change), stays)
            if not asking.present:  # else it may be a move within nights that were promised
                assert verify(given, {"new": change.option.stays}), "it was not free before"
    assert len(seen) == 8, seen


def test_a_shorter_stay_is_the_longest_and_another_night_the_first() -> None:
    for seed in range(200):
        given = random_problem(seed)
        asking = given.parties[-1]
        answer = place(given, "new")
        if answer.refusal is None:
            continue
        offered = {change.code: change.params for change in answer.refusal.changes}
        fixed = with_party(given, "new", latest_first_night=None)
        lengths = [
            nights
            for nights in range(1, asking.nights)
            if place(with_party(fixed, "new", nights=nights), "new").options
        ]
        assert offered.get("shorter_stay", {}).get("nights") == max(lengths, default=None)
        last = asking.latest_first_night
        last = asking.first_night if last is None else last
        firsts = [
            first
            for first in range(last + 1, last + 8)
            if place(with_party(fixed, "new", first_night=first), "new").options
        ]
        assert offered.get("another_night", {}).get("first_night") == min(firsts, default=None)
