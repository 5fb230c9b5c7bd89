"""A problem as arrays: every way to house every party that may get a place or move.

Who takes part: parties that ask (their present stays do not cover the asked nights) and parties
that may be moved (they agreed, and have one stay from tonight on). All others stay, and what they
take is taken. A party whose present stay breaks a rule keeps its unit occupied, whatever happens,
but may be given a better one.

The rules about needs, places and calendar are asked through ``fits`` (the rules themselves, once
for each kind of unit); the rules about other people become capacity, gender and conflict groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from shelter_solver.assign.assignment import Assignment, Bools, Ints
from shelter_solver.batch.conflicts import Stays, conflicts
from shelter_solver.batch.grids import Grids, gender_code
from shelter_solver.batch.worth import Worth
from shelter_solver.candidates import Plan, plans, ranges
from shelter_solver.constraints import RELATIONAL, RULES, Ask
from shelter_solver.objective import GOALS
from shelter_solver.problem import Agreement, Party, Problem, Side, Stay
from shelter_solver.verify import verify
from shelter_solver.world import World, history


@dataclass(frozen=True)
class Columns:
    """The arrays and whom they speak of.

    ``assignment.cost`` is zero: what a column is worth are its goals, ``goals[i]`` (m,) for the
    goal ``names[i]``, and ``skipped[i]`` (n,) for a party without a column.
    """

    assignment: Assignment
    parties: tuple[Party, ...]
    #: plan of each column; the party's own present stays for the column that keeps them
    plans: tuple[Plan, ...]
    #: (n,) column in which the party stays where it is, −1 for none
    keeps: Ints
    names: tuple[str, ...]
    goals: Ints
    skipped: Ints


def columns(problem: Problem, side: Side | None = None) -> Columns:
    """All columns of all parties that take part, or of those of one side."""
    return _Columns(problem, side).made()


def asks(party: Party, problem: Problem) -> bool:
    """Whether the party still needs nights: its present stays do not cover those it asked for."""
    wanted = [(max(0, first), end) for first, end in ranges(problem, party) if end > 0]
    return bool(wanted) and not any(_cover(party.present, first, end) for first, end in wanted)


def is_move(party: Party, plan: Plan, horizon: int) -> bool:
    """Whether the party loses nights in a unit that it was promised, from tonight to the horizon.

    More nights in the same unit are no move.
    """
    kept = (*history(party, min(stay.first_night for stay in plan)), *plan)
    return not all(
        _cover(
            [mine for mine in kept if mine.unit == stay.unit],
            stay.first_night,
            min(stay.end_night, horizon),
        )
        for stay in _from_tonight(party)
    )


def _cover(stays: Iterable[Stay], first: int, end: int) -> bool:
    """Whether there is a stay in each of these nights."""
    for stay in sorted(stays, key=lambda stay: stay.first_night):
        if stay.first_night <= first:
            first = max(first, stay.end_night)
    return first >= end


def _from_tonight(party: Party) -> tuple[Stay, ...]:
    return tuple(
        Stay(stay.unit, max(0, stay.first_night), stay.end_night)
        for stay in party.present
        if stay.end_night > 0
    )


def _broken(problem: Problem) -> set[str]:
    """Who breaks a rule, tonight or later, by staying: nights before tonight are over."""
    staying = {party.id: stays for party in problem.parties if (stays := _from_tonight(party))}
    return {
        name
        for violation in verify(problem, staying)
        if violation.rule not in ("nights", "change_of_unit")  # they are promised as they are
        for name in (violation.party, violation.other)
        if name is not None
    }


def _without_overlap(found: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """The same uses; where the party comes back to a unit, its cleaning ends with that."""
    later: dict[int, int] = {}
    cut = []
    for unit, first, leave, end in sorted(found, reverse=True):
        cut.append((unit, first, leave, min(end, later.get(unit, end))))
        later[unit] = first
    return cut[::-1]


class _Columns:
    def __init__(self, problem: Problem, side: Side | None) -> None:
        self.problem = problem
        world = World(problem)
        broken = _broken(problem)
        self.parties: list[Party] = []
        self.misplaced: set[str] = set()
        leaving: dict[str, tuple[Stay, ...]] = {}
        for party in problem.parties:
            asking = asks(party, problem)
            movable = party.move_agreement is not Agreement.NONE and len(_from_tonight(party)) == 1
            if not (asking or movable) or (side is not None and party.side is not side):
                continue
            self.parties.append(party)
            if party.id in broken and _from_tonight(party):
                self.misplaced.add(party.id)
            else:
                leaving[party.id] = history(party, self._first(party, asking))
        self.asking = {party.id for party in self.parties if asks(party, problem)}
        #: everybody who stays; the parties that take part are gone from tonight on
        self.world = world.moved(leaving)
        self.past = leaving
        #: whose units are being cleaned for everybody
        self.cleaned: set[str] = set()
        self.grids = Grids(self.world, leaving)
        while over := self._not_clean():
            self.cleaned |= over
            self.grids = Grids(self.world, leaving.keys() - self.cleaned)
        self.worth = Worth(self.grids)

    def _not_clean(self) -> set[str]:
        """Who has left a unit in which others were too soon, or with too many people.

        The past cannot be mended; that unit is cleaned for everybody, whoever comes back.
        """
        grids = self.grids
        held = [
            (party, *use)
            for party in self.parties
            if party.id not in self.misplaced
            for use in self._taken(party, _from_tonight(party))
        ]
        beds, cots = grids.bed_room.copy(), grids.cot_room.copy()
        found = set()
        for party, unit, first, leave, end in sorted(held, key=lambda use: use[2] >= use[3]):
            nights = slice(first, end)
            beds[unit, nights] -= 1 if grids.private[unit] else party.beds
            cots[unit, nights] -= 0 if grids.private[unit] else party.cots
            over = min(beds[unit, nights].min(initial=0), cots[unit, nights].min(initial=0)) < 0
            if over and first >= leave and party.id not in self.cleaned:
                found.add(party.id)
        return found

    def _first(self, party: Party, asking: bool) -> int:
        return ranges(self.problem, party)[0][0] if asking else 0

    def made(self) -> Columns:
        owner: list[Ints] = []
        made: list[Plan] = []
        goals: list[Ints] = []
        keeps = np.full(len(self.parties), -1, dtype=np.int64)
        skipped = np.zeros((len(NAMES), len(self.parties)), dtype=np.int64)
        count = 0
        for number, party in enumerate(self.parties):
            own: list[Plan] = []
            scores: list[Ints] = []
            for stays, score in self._ways(party):
                own.extend(stays)
                scores.append(score)
            skipped[:, number] = self._skipped(party)
            if self._holds(party):
                keeps[number] = count + len(own)
                own.append(_from_tonight(party))
                kept = np.zeros((len(NAMES), 1), dtype=np.int64)
                if party.id in self.asking:
                    kept[:, 0] = skipped[:, number]
                    kept[NAMES.index("promises")] = 0
                scores.append(kept)
            made.extend(own)
            owner.append(np.full(len(own), number))
            goals.extend(scores)
            count += len(own)
        empty = np.zeros(0, dtype=np.int64)
        party_of = np.concatenate([empty, *owner])
        return Columns(
            assignment=self._assignment(party_of, made),
            parties=tuple(self.parties),
            plans=tuple(made),
            keeps=keeps,
            names=NAMES,
            goals=np.concatenate([np.zeros((len(NAMES), 0), dtype=np.int64), *goals], axis=1),
            skipped=skipped,
        )

    # --- one party ---

    def _holds(self, party: Party) -> bool:
        """Whether staying as it is takes something: nights to come, or cleaning after nights."""
        if party.id in self.misplaced:
            return False
        return bool(_from_tonight(party)) or bool(self._taken(party, ()))

    def _ways(self, party: Party) -> Iterator[tuple[list[Plan], Ints]]:
        """Plans of the party with the values of its goals, (goals, plans).

        Who agreed to no move gets none by asking for more: only plans that keep what it has.
        """
        for made, scores in self._plans(party):
            moves = [is_move(party, plan, self.problem.horizon) for plan in made]
            values = self._valued(scores, moves)
            if party.move_agreement is Agreement.NONE and any(moves):
                stays = [number for number, one in enumerate(moves) if not one]
                made, values = [made[number] for number in stays], values[:, stays]
            yield made, values

    def _plans(self, party: Party) -> Iterator[tuple[list[Plan], Ints]]:
        """Plans of the party with their scores, those of one unit first, (goals + 1, plans)."""
        if party.id in self.asking:
            spans = ranges(self.problem, party)
        else:
            stay = _from_tonight(party)[0]
            spans = [(stay.first_night, stay.end_night)]
        found = False
        here = {stay.unit for stay in _from_tonight(party)}
        world = self.world
        if party.id in self.misplaced:
            world = world.moved({party.id: history(party, spans[0][0])})
        for first, end in spans:
            allowed = self._allowed(world, party, first, end)
            if party.id not in self.asking:
                for unit in here:
                    allowed[self.grids.number[unit]] = False
            units = np.flatnonzero(allowed)
            if len(units):
                found = True
                names = [self.grids.units[unit].id for unit in units.tolist()]
                single: list[Plan] = [(Stay(name, first, end),) for name in names]
                if party.id in self.misplaced:  # its own present stay is no load of others
                    scores = self.worth.of_plans(world, party, single)
                else:
                    scores = self.worth.single(party, units, first, end)
                yield single, scores
        if (
            not found
            and party.id in self.asking
            and (party.may_use_two_units or party.may_change_unit)
        ):
            two = plans(world, party)
            if two:
                yield two, self.worth.of_plans(world, party, two)

    def _allowed(self, world: World, party: Party, first: int, end: int) -> Bools:
        """(u,) units that no rule forbids, those who stay being where they are."""
        grids = self.grids
        suits = world.fits.suits(world, party, first, end)
        size = (len(grids.units) + 7) // 8
        packed = np.frombuffer(suits.to_bytes(size, "little"), dtype=np.uint8)
        allowed = np.unpackbits(packed, count=len(grids.units), bitorder="little").astype(np.bool_)
        if allowed.any() and party.id in self.misplaced:
            # its own present stay is in the grids of the others: ask the rules one by one
            for unit in np.flatnonzero(allowed).tolist():
                ask = Ask(party, grids.units[unit], first, end)
                allowed[unit] = not any(
                    rule(ask, world) for code, rule in RULES if code in RELATIONAL
                )
        elif allowed.any():
            allowed &= grids.room(party, first, end)
            allowed &= grids.apart(party, first, end)
        return allowed

    def _valued(self, scores: Ints, moves: list[bool]) -> Ints:
        """The goals of a schedule for columns that house the party: (goals, plans)."""
        values = np.zeros((len(NAMES), scores.shape[1]), dtype=np.int64)
        values[NAMES.index("moves")] = moves
        values[-len(GOALS) - 1 :] = scores
        return values

    def _skipped(self, party: Party) -> Ints:
        values = np.zeros(len(NAMES), dtype=np.int64)
        if party.id in self.misplaced:
            values[NAMES.index("misplaced")] = 1
        elif self._holds(party):
            values[NAMES.index("promises")] = 1
        if party.id in self.asking:
            values[NAMES.index(f"unplaced_{party.urgency}")] = 1
            values[NAMES.index("nights")] = party.nights
        return values

    def _taken(self, party: Party, plan: Plan) -> list[tuple[int, int, int, int]]:
        """(unit, first night, end night, end of cleaning) of all that a plan takes.

        A unit that the party was in is cleaned after it, unless the plan goes on there.
        """
        past, edge = self.past.get(party.id, ()), self.grids.nights
        cut = max([0, *(stay.end_night for stay in past)])
        found = []
        left = {stay.unit: stay.end_night for stay in sorted(past, key=lambda s: s.end_night)}
        if party.id in self.cleaned:
            left = {}
        for stay in plan:
            first = max(cut, stay.first_night)
            if first >= stay.end_night:
                continue
            unit = self.grids.number[stay.unit]
            cleaning = int(self.grids.cleaning[unit])
            if stay.unit in left and first <= left[stay.unit] + cleaning:
                first = max(0, min(first, left.pop(stay.unit)))
            found.append((unit, first, stay.end_night, stay.end_night + cleaning))
        for name, end in left.items():
            unit = self.grids.number[name]
            left_at, until = max(0, end), end + int(self.grids.cleaning[unit])
            if until > left_at:
                found.append((unit, left_at, left_at, until))
        if plan and not found:  # nights that are promised already: every column has a use
            found.append((self.grids.number[plan[0].unit], edge, edge, edge))
        return [
            (unit, min(first, edge), min(leave, edge), min(end, edge))
            for unit, first, leave, end in _without_overlap(found)
        ]

    # --- the arrays ---

    def _assignment(self, party_of: Ints, made: list[Plan]) -> Assignment:
        grids = self.grids
        stays = [(column, stay) for column, plan in enumerate(made) for stay in plan]
        starts, conflict = conflicts(
            grids, self.parties, Stays(grids, len(self.parties), party_of, stays)
        )
        taken = [
            (column, *use)
            for column, plan in enumerate(made)
            for use in self._taken(self.parties[int(party_of[column])], plan)
        ]
        column, unit, first, leave, end = np.array(taken, dtype=np.int64).reshape(-1, 5).T
        who = party_of[column] if len(column) else column
        beds = np.array([party.beds for party in self.parties], dtype=np.int64)
        cots = np.array([party.cots for party in self.parties], dtype=np.int64)
        gender = np.array([gender_code(party) for party in self.parties], dtype=np.int64)
        private = grids.private[unit]
        return Assignment(
            skip_cost=np.zeros(len(self.parties), dtype=np.int64),
            party=party_of,
            cost=np.zeros(len(made), dtype=np.int64),
            column=column,
            unit=unit,
            first=first,
            end=end,
            beds=np.where(private, 1, beds[who]),
            cots=np.where(private, 0, cots[who]),
            bed_room=grids.bed_room,
            cot_room=grids.cot_room,
            gender=np.where(grids.one_gender[unit], gender[who], 0),
            leave=leave,
            one_gender=grids.one_gender,
            conflict_starts=starts,
            conflict=conflict,
        )


#: the goals of a schedule, most important first. ``promises``: nobody who has a place loses it;
#: ``misplaced``: nobody stays where a rule is broken now; then those who ask, the most urgent first
NAMES: tuple[str, ...] = (
    "promises",
    "misplaced",
    "unplaced_3",
    "unplaced_2",
    "unplaced_1",
    "unplaced_0",
    "nights",
    "moves",
    *(name for name, _ in GOALS),
    "order",
)
