"""What a worker may rely on when asking whom to ask to move."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shelter_solver import (
    Agreement,
    Nights,
    Person,
    Problem,
    ProblemError,
    Sharing,
    Side,
    Status,
    Stay,
    place,
    verify,
)
from shelter_solver.result import Room
from shelter_solver.room import make_room
from solver.network import (
    apart,
    housed,
    north,
    party,
    problem,
    site,
    unit,
    with_party,
)
from solver.rooms import (
    LARGE,
    chain,
    moving,
    names,
)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_chain_of_any_length_is_found_and_its_moves_can_be_made_in_their_order(
    length: int,
) -> None:
    room = make_room(chain(length), "anna")
    assert room.status is Status.OPTIMAL
    assert room.option is not None
    assert room.option.stays == (Stay("u0", 0, 7),)
    assert names(room) == [(f"p{n}", f"u{n + 1}") for n in reversed(range(length))]
    now = chain(length)
    for move in room.moves:  # each into what is free by then
        assert not verify(now, {move.party: move.stays})
        now = with_party(now, move.party, present=move.stays)
    assert place(now, "anna").options


def test_with_one_who_does_not_agree_the_chain_is_proven_broken() -> None:
    given = chain(3, move_agreement=Agreement.NONE)
    assert make_room(given, "anna") == Room(Status.INFEASIBLE)


def test_no_more_households_are_asked_than_the_worker_allows() -> None:
    for most, status in ((0, "infeasible"), (2, "infeasible"), (3, "optimal")):
        assert make_room(chain(3), "anna", max_moves=most).status == status
    with pytest.raises(ValueError, match="at least 0"):
        make_room(chain(1), "anna", max_moves=-1)


def test_two_in_the_way_one_after_the_other_both_move() -> None:
    given = problem(
        party(people=LARGE),
        unit("large", beds=6),
        unit("a", beds=1),
        unit("b", beds=1),
        moving("bea", "large", 0, 3),
        moving("cleo", "large", 4, 9),
    )
    assert names(make_room(given, "anna")) == [("bea", "a"), ("cleo", "a")]


def test_two_swap_their_places_in_the_same_night() -> None:
    """Bea needs quiet, and the only quiet places are the large unit and Cleo's."""
    given = problem(
        party(people=LARGE),
        unit("large", beds=6, quiet=True),
        unit("one", beds=1, quiet=True),
        unit("spare", beds=1),
        moving("bea", "large", quiet=True),
        moving("cleo", "one"),
    )
    assert names(make_room(given, "anna")) == [("cleo", "spare"), ("bea", "one")]
    full = problem(
        party(people={Person.WOMAN: 1}, step_free=True, nights=3),
        unit("stairs", beds=1),
        unit("flat", beds=1, step_free=True, closed=(Nights(3, 9),)),
        moving("bea", "flat", 0, 3),
        moving("cleo", "stairs", 3, 9),
    )
    assert names(make_room(full, "anna")) == [("bea", "stairs")]


def test_enough_leave_a_shared_unit() -> None:
    given = problem(
        party(people={Person.WOMAN: 1, Person.CHILD: 2}),
        unit("dorm", beds=4, sharing=Sharing.SHARED),
        unit("a", beds=1),
        unit("b", beds=1),
        *(moving(name, "dorm") for name in ("bea", "cleo", "dora")),
    )
    assert names(make_room(given, "anna")) == [("bea", "a"), ("cleo", "b")]


def test_a_household_kept_apart_moves_away() -> None:
    given = problem(
        party(),
        site(),
        site("far", point=north(9)),
        unit(),
        unit("next"),
        unit("f", "far", beds=1),
        moving("bea", "next"),
        apart("anna", "bea"),
    )
    room = make_room(given, "anna")
    assert [(move.party, move.km, move.agreement) for move in room.moves] == [
        ("bea", 9, Agreement.PARTY)
    ]


def test_the_shortest_way_is_taken_and_every_promised_night_is_kept() -> None:
    given = problem(
        party(people=LARGE, latest_first_night=2),
        site(),
        site("far", point=north(9)),
        unit("large", beds=6),
        unit("a", "far", beds=1),
        unit("z", beds=1),
        moving("bea", "large", -4, 20),
    )
    (move,) = make_room(given, "anna").moves
    assert (move.stays, move.km) == ((Stay("z", 0, 20),), 0)


def test_nobody_is_asked_to_move_for_a_stay_cut_in_two() -> None:
    given = problem(
        party(people=LARGE, may_change_unit=True),
        unit("a", beds=6, closed=(Nights(4, 9),)),
        unit("b", beds=6, closed=(Nights(0, 4),)),
        unit("small", beds=1),
        moving("bea", "a", 0, 4),
    )
    assert make_room(given, "anna").status is Status.INFEASIBLE


def test_two_units_side_by_side_are_opened_for_who_may_use_them() -> None:
    given = problem(
        party(people=LARGE, may_use_two_units=True),
        unit("a", beds=3),
        unit("b", beds=3),
        unit("small", beds=1),
        moving("bea", "a"),
    )
    room = make_room(given, "anna")
    assert room.option is not None
    assert [stay.unit for stay in room.option.stays] == ["a", "b"]
    assert names(room) == [("bea", "small")]


def test_who_leaves_for_two_that_come_together_though_for_neither_alone() -> None:
    """Bea and Dora, two each, both go to the dormitory of four, where Cleo has a bed."""
    two = {Person.WOMAN: 1, Person.CHILD: 1}
    given = problem(
        party(people={Person.WOMAN: 1, Person.CHILD: 3}, step_free=True, may_use_two_units=True),
        unit("flat a", beds=2, step_free=True),
        unit("flat b", beds=2, step_free=True),
        unit("dorm", beds=4, sharing=Sharing.SHARED),
        unit("small", beds=1),
        moving("bea", "flat a", people=two),
        moving("dora", "flat b", people=two),
        moving("cleo", "dorm"),
    )
    room = make_room(given, "anna")
    assert room.status is Status.OPTIMAL
    assert sorted(names(room)) == [("bea", "dorm"), ("cleo", "small"), ("dora", "dorm")]


# --- the edges ------------------------------------------------------------------------------------


def test_without_units_or_without_anybody_to_ask_there_is_no_room() -> None:
    assert make_room(problem(party()), "anna") == Room(Status.INFEASIBLE)
    given = problem(party(), unit(), housed("bea", "room"))
    assert make_room(given, "anna") == Room(Status.INFEASIBLE)
    with pytest.raises(ProblemError, match="no party 'anna'"):
        make_room(problem(), "anna")


def test_the_order_of_the_data_and_the_hash_seed_do_not_matter() -> None:
    program = (
        "import sys; sys.path[:0] = ['solver', 'tests']\n"
        "from dataclasses import replace\n"
        "from shelter_solver.room import make_room\n"
        "from solver.rooms import asked, chain\n"
        "for given in [chain(3), *(asked(seed)[0] for seed in range(40))]:\n"
        "    name = given.parties[0].id if given.parties[0].id == 'anna' else 'new'\n"
        "    turned = replace(given, sites=given.sites[::-1], units=given.units[::-1],\n"
        "        parties=given.parties[::-1], separations=given.separations[::-1])\n"
        "    room = make_room(given, name)\n"
        "    assert repr(room) == repr(make_room(turned, name))\n"
        "    print(room)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_room_for_a_perpetrator_does_not_depend_on_any_victim() -> None:
    theirs: dict[str, Any] = {"side": Side.PERPETRATORS}

    def world(*victims: Any) -> Problem:
        return problem(
            site(),
            site("west", audience=Side.PERPETRATORS, point=north(20)),
            site("east", audience=Side.PERPETRATORS, point=north(30)),
            unit(),
            unit("w", "west", beds=6),
            unit("e", "east", beds=1),
            party("bob", people={Person.MAN: 1, Person.CHILD: 5}, **theirs),
            moving("carl", "w", people={Person.MAN: 1}, **theirs),
            *victims,
        )

    rooms = [
        make_room(given, "bob")
        for given in (
            world(),
            world(housed("anna", "room", move_agreement=Agreement.PARTY)),
            world(
                housed("anna", "room"),
                apart("anna", "bob", min_distance_m=25_000.0),
                apart("anna", "carl", min_distance_m=25_000.0),
            ),
            world(party("anna"), apart("anna", "carl", min_distance_m=99_000.0)),
        )
    ]
    assert names(rooms[0]) == [("carl", "e")]
    assert {repr(room) for room in rooms} == {repr(rooms[0])}
