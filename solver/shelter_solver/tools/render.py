"""Answers and schedules in words, for researchers: ``full`` with everything, ``safe`` for a side.

``safe`` is a function of the data of the asking party's side and of the answer, and the answer
(see ``place``) is one of the same data for a perpetrator. It looks names up among its own side's
sites, units and parties alone: a name from across the wall would be an error, not a leak.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from shelter_solver.objective import GOALS
from shelter_solver.problem import Party, Problem, ProblemError, Side
from shelter_solver.result import Answer, Change, Option, Refusal, Room, Schedule
from shelter_solver.tools import words
from shelter_solver.tools.blockers import blockers
from shelter_solver.verify import verify


def full(problem: Problem, party_id: str, answer: Answer) -> str:
    """The answer with who blocks it and where, whichever side they are on. For no side's eyes.

    Raises ``ProblemError`` when the problem has no such party.
    """
    party = _party(problem, party_id)
    lines = list(_answer(problem, party, answer))
    if answer.options:
        lines += _across_the_wall(problem, party, answer.options)
    else:
        lines += _unit_by_unit(problem, party)
    return "\n".join(lines) + "\n"


def safe(problem: Problem, party_id: str, answer: Answer) -> str:
    """The answer as the asking party's side may read it: own names, and counts for the rest.

    Raises ``ProblemError`` when the problem has no such party.
    """
    party = _party(problem, party_id)
    return "\n".join(_answer(own_side(problem, party.side), party, answer)) + "\n"


def own_side(problem: Problem, side: Side) -> Problem:
    """The sites, units and parties of one side alone: the names that it may be shown."""
    sites = tuple(site for site in problem.sites if site.audience is side)
    here = {site.id for site in sites}
    units = tuple(unit for unit in problem.units if unit.site in here)
    known = {unit.id for unit in units}
    parties = tuple(
        replace(party, present=tuple(stay for stay in party.present if stay.unit in known))
        for party in problem.parties
        if party.side is side
    )
    return replace(problem, sites=sites, units=units, parties=parties, separations=())


def schedule(problem: Problem, given: Schedule) -> str:
    """Who goes where, who gets nothing, and how good each goal came out. For no side's eyes."""
    gone = set(given.moved)
    placed = sorted(party for party in given.placements if party not in gone)
    lines = [
        f"Schedule, {words.STATUS[given.status]}: {len(placed)} placed, "
        f"{len(given.moved)} moved, {len(given.unplaced)} without a place."
    ]
    for title, parties in (("Placed", placed), ("Moved", sorted(gone & set(given.placements)))):
        if parties:
            lines += ["", f"{title}:"]
        lines += [
            f"  {words.printable(party)}: {words.stays(problem, given.placements[party])}"
            for party in parties
        ]
    if given.unplaced:
        lines += ["", "Without a place: " + ", ".join(map(words.printable, given.unplaced))]
    lines += ["", "Goals, most important first:"]
    for level in given.levels:
        proof = "proven" if level.proven else f"nobody can beat {level.bound}"
        lines.append(f"  {words.printable(level.goal)}: {level.value} ({proof})")
    return "\n".join(lines) + "\n"


def room(problem: Problem, party_id: str, given: Room) -> str:
    """Who would move where so that the party gets a place."""
    if given.option is None:
        return f"Room by agreed moves: none ({words.STATUS[given.status]}).\n"
    lines = [
        f"Room for {words.printable(party_id)} by agreed moves ({words.STATUS[given.status]}):"
    ]
    for number, move in enumerate(given.moves, start=1):
        lines.append(
            f"  {number}. {words.printable(move.party)} moves {move.km} km "
            f"(its agreement: {move.agreement}): {words.stays(problem, move.stays)}"
        )
    lines.append(f"  Then {words.stays(problem, given.option.stays)}.")
    return "\n".join(lines) + "\n"


def _party(problem: Problem, party_id: str) -> Party:
    found = next((party for party in problem.parties if party.id == party_id), None)
    if found is None:
        raise ProblemError("parties", f"no party {party_id!r}")
    return found


# --- what both renderings say ---------------------------------------------------------------------


def _answer(names: Problem, party: Party, answer: Answer) -> Iterator[str]:
    """``names`` holds what may be named."""
    nights = words.counted(party.nights, "night")
    yield (
        f"{words.printable(party.id)} ({words.household(party)}) asks for {nights} "
        f"from {words.night(names, party.first_night)}."
    )
    yield f"Answer: {words.STATUS[answer.status]}."
    for number, option in enumerate(answer.options, start=1):
        yield ""
        yield f"Option {number}: {words.stays(names, option.stays)}"
        for reason in option.reasons:
            yield f"  - {words.reason(names, reason)}"
        if number < len(answer.options):
            after = answer.options[number]
            yield f"  Before option {number + 1}: {_why_before(option, after)}"
    if answer.refusal is not None:
        yield from _refusal(names, answer.refusal)


def _why_before(better: Option, worse: Option) -> str:
    names = [name for name, _ in GOALS]
    goal = worse.decided_by
    if goal not in names:
        return "equal on every goal; the order of unit ids decides."
    place = names.index(goal)
    return f"fewer {words.GOALS[goal]}, {better.score[place]} against {worse.score[place]}."


def _refusal(names: Problem, refusal: Refusal) -> Iterator[str]:
    yield ""
    yield "What blocks, each unit under the first rule that does:"
    for reason in refusal.blocked:
        units = reason.params.get("units")
        count = "" if not isinstance(units, int) else words.counted(units, "unit") + ": "
        yield f"  - {count}{words.sentence(names, words.RULES, reason.code, {})}"
    if refusal.together:
        yield ""
        yield "Smallest sets of rules that leave nothing, were all other rules lifted:"
        for rules in refusal.together:
            yield "  - " + "; and ".join(words.sentence(names, words.RULES, r, {}) for r in rules)
        if refusal.together_cut:
            yield "  - and more such sets"
    yield ""
    if not refusal.changes:
        yield "No small change that would help was found."
        return
    yield "What would help, each solved and verified:"
    for change in refusal.changes:
        yield f"  - {_change(names, change)}"


def _change(names: Problem, change: Change) -> str:
    told = words.sentence(names, words.CHANGES, change.code, change.params)
    if change.moved_party is not None:
        moved = words.printable(change.moved_party)
        told += f"; {moved} goes to {words.stays(names, change.moved_to)}"
    if change.option is not None:
        told += f"; then {words.stays(names, change.option.stays)}"
    return told


# --- what only the full rendering says ------------------------------------------------------------


def _across_the_wall(problem: Problem, party: Party, options: tuple[Option, ...]) -> Iterator[str]:
    """What an option for a perpetrator breaks for a victim; for a victim it is none."""
    for number, option in enumerate(options, start=1):
        for breach in verify(problem, {party.id: option.stays}):
            yield ""
            what = words.violation(problem, breach)
            yield f"Option {number} breaks, in the whole problem: {what}"


def _unit_by_unit(problem: Problem, party: Party) -> Iterator[str]:
    yield ""
    yield "Unit by unit, who and what blocks:"
    for block in blockers(problem, party):
        what = words.sentence(problem, words.RULES, block.rule, {})
        who = ", ".join(map(words.printable, block.parties))
        by = f" ({who})" if who else ""
        where = words.printable(block.unit)
        yield f"  - {where} from {words.night(problem, block.first)}: {what}{by}"
