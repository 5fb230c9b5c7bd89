"""Plain English for codes: rules, reasons, goals, changes. For researchers at a terminal.

The product's own pages have their texts, in four languages, elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from shelter_solver.problem import Party, Person, Problem, Stay
from shelter_solver.result import Reason, Status, Violation

STATUS: Mapping[Status, str] = {
    Status.OPTIMAL: "proven best",
    Status.FEASIBLE: "verified, but the time ended before it was proven best",
    Status.INFEASIBLE: "proven: nothing fits",
    Status.UNKNOWN: "the time ended before any answer was found",
}

#: what a broken rule means, said of a unit
RULES: Mapping[str, str] = {
    "nights": "the nights are not those asked for, or lie outside the planned ones",
    "audience": "the site is for the other side",
    "together": "the household would be split over units in a way it may not be",
    "change_of_unit": "the household would change unit, and has not agreed to",
    "admits": "it does not admit everybody in the household",
    "beds": "there are too few beds",
    "cots": "there are too few cots",
    "step_free": "it is not step-free",
    "pets": "it does not take pets",
    "quiet": "it is not quiet",
    "supervision": "there is too little supervision",
    "intake_hours": "nobody is there at the hour of arrival",
    "excluded_site": "the site is one to avoid",
    "excluded_place": "the site has a shared place to avoid",
    "danger_zone": "the site lies in a danger zone",
    "zoning": "the site lies in the zone of a site of the other side",
    "excluded_commune": "the commune is one to avoid",
    "closed": "the unit is closed",
    "kept_back": "the night is kept back for more urgent requests",
    "max_stay": "the stay is longer than the unit allows",
    "separation": "somebody to be kept apart from is there or too near",
    "occupied": "another household is there",
    "capacity": "more people than beds or cots",
    "cleaning": "it is being cleaned",
    "shared_gender": "the adults and teens there would not be of one gender",
    "unknown_unit": "the problem has no such unit",
    "unknown_party": "the problem has no such party",
    "no_units": "no unit is for this side",
    "unverified": "the second check did not confirm any place that was found",
}

REASONS: Mapping[str, str] = {
    "free_all_nights": "free for all nights asked ({nights})",
    "starts_later": "begins {days} days later than asked, on {first_night}",
    "two_units_one_site": "{units} units of one site, side by side",
    "changes_unit_on": "one change of unit, on {night}",
    "only_some_beds_used": "takes {used} of the {beds} beds of a shared unit",
    "fits_beds": "{beds} beds, {needed} needed",
    "has_cots": "cots: {cots}, needed: {needed}",
    "step_free": "step-free",
    "pets_welcome": "pets are welcome",
    "quiet": "quiet",
    "supervised": "supervision at level {level}, at least {needed} needed",
    "open_at_arrival": "somebody is there at arrival, at {hour}:00",
    "away_from_danger": "at least {km} km from the middle of every danger zone",
    "in_preferred_commune": "in {commune}, a preferred commune",
    "outside_preferred_communes": "in {commune}, outside the preferred communes",
    "near_preferred_point": "about {km} km from preferred point {point}",
    "same_unit_as_now": "the same unit as now",
    "same_site_as_now": "the same site as now",
    "keeps_scarce_units": "leaves scarcer units to those who need them",
    "uses_kept_back_nights": "uses nights that are kept back for urgent requests",
}

#: what the ranked goals count; fewer is better
GOALS: Mapping[str, str] = {
    "waiting": "nights of waiting",
    "one_unit": "trouble with units (0 one unit, 1 two side by side, 2 a change)",
    "preferred_commune": "stays outside the preferred communes",
    "near": "kilometres to the preferred points and the present site",
    "scarcity": "points for scarce features and beds left unused",
    "load": "per cent of the commune's bed-nights taken",
}

CHANGES: Mapping[str, str] = {
    "bring_cots": "bring cots, {cots} in all",
    "two_units": "agree to two units of one site",
    "change_unit": "agree to one change of unit during the stay",
    "move_one": "move another household {km} km (its agreement: {agreement})",
    "release_kept_back": "release nights that are kept back",
    "another_night": "begin {days} days later, on {first_night}",
    "shorter_stay": "stay only so many nights: {nights}",
    "widen_communes": "reconsider the commune {commune}",
}

_MANY: Mapping[Person, str] = {
    Person.WOMAN: "women",
    Person.MAN: "men",
    Person.CHILD: "children",
}

#: params that are nights
_NIGHTS = frozenset({"night", "first_night"})


def printable(text: str) -> str:
    """The text without what could steer a terminal or break a line."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def night(problem: Problem, number: int) -> str:
    """A night by its number and the date on which it begins: ``night 3 (2026-11-24)``."""
    try:
        return f"night {number} ({problem.start + timedelta(days=number)})"
    except OverflowError:  # beyond the calendar
        return f"night {number}"


def counted(number: int, thing: str) -> str:
    """``1 night``, ``3 nights``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def sentence(
    problem: Problem, table: Mapping[str, str], code: str, params: Mapping[str, str | int | float]
) -> str:
    """The text of a code with its values; the bare code where the table does not have it."""
    told = {
        name: night(problem, int(value)) if name in _NIGHTS else printable(str(value))
        for name, value in params.items()
    }
    text = table.get(code)
    return printable(code.replace("_", " ")) if text is None else text.format(**told)


def reason(problem: Problem, given: Reason) -> str:
    return sentence(problem, REASONS, given.code, given.params)


def household(party: Party) -> str:
    """Who is in it: ``1 woman, 2 children``."""
    told = []
    for kind, count in party.people.items():
        one = kind.replace("_", " ")
        if count:
            told.append(f"{count} {one if count == 1 else _MANY.get(kind, one + 's')}")
    return ", ".join(told)


def stays(problem: Problem, placed: Iterable[Stay]) -> str:
    """Where and when: ``u2 (site s1, Ixelles) from night 0 (2026-11-21), 7 nights; then …``."""
    units = {unit.id: unit for unit in problem.units}
    sites = {site.id: site for site in problem.sites}
    parts = []
    for stay in placed:
        where = sites[units[stay.unit].site]
        length = counted(stay.end_night - stay.first_night, "night")
        parts.append(
            printable(f"{stay.unit} (site {where.id}, {where.commune})")
            + f" from {night(problem, stay.first_night)}, {length}"
        )
    return "; ".join(parts)


def violation(problem: Problem, given: Violation) -> str:
    """One breach: ``anna in room on night 2 (2026-11-23): the unit is closed``."""
    where = "" if given.unit is None else f" in {printable(given.unit)}"
    when = "" if given.night is None else f" on {night(problem, given.night)}"
    what = sentence(problem, RULES, given.rule, {})
    other = "" if given.other is None else f" ({printable(given.other)})"
    return f"{printable(given.party)}{where}{when}: {what}{other}"
