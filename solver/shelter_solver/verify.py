"""Every hard rule once more, in other code: no OR-Tools, no ``constraints``, no shared index.

Where the rules ask "may this party have this unit", this file looks at a finished placement and
walks through its nights. A mistake would have to be made twice to pass.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from shelter_solver.problem import (
    Party,
    Person,
    Problem,
    Sharing,
    Side,
    Site,
    Stay,
    Unit,
    Zoning,
    distance_m,
)
from shelter_solver.result import Violation

_FEMALE = {Person.WOMAN, Person.TEEN_GIRL}
_MALE = {Person.MAN, Person.TEEN_BOY}
_CHILDREN = {Person.CHILD, Person.INFANT}


def verify(
    problem: Problem,
    placements: Mapping[str, tuple[Stay, ...]],
    *,
    everyone: bool = False,
) -> tuple[Violation, ...]:
    """Check placements against every hard rule.

    Parameters
    ----------
    problem
        The data. Parties that are not in ``placements`` stay where ``present`` says.
    placements
        New stays by party id. They replace ``present`` from their first night on; nights before
        tonight, and nights before the request, remain as history.
    everyone
        Check the present stays of all other parties too. Without it only violations are reported
        in which a new stay takes part, so an old mistake elsewhere blocks nobody.

    Returns
    -------
    tuple of Violation
        Empty when the placements may be confirmed. Sorted; each breach is named once.
    """
    return tuple(sorted(set(_Check(problem, placements, everyone).all()), key=_sort_key))


def _sort_key(violation: Violation) -> tuple[str, str, str, int, str]:
    night = -1 if violation.night is None else violation.night
    return violation.rule, violation.party, violation.unit or "", night, violation.other or ""


def zoning_conflicts(sites: Iterable[Site], zoning: Zoning) -> tuple[tuple[str, str, str], ...]:
    """Pairs that may not both exist: (victim site, perpetrator site, why), sorted.

    ``why`` is ``distance``, or the shared place (``kind:name``) of a kind that zoning names.
    """
    listed = list(sites)
    found: list[tuple[str, str, str]] = []
    for home in listed:
        for other in listed:
            if home.audience is Side.VICTIMS and other.audience is Side.PERPETRATORS:
                found.extend((home.id, other.id, why) for why in _contacts(home, other, zoning))
    return tuple(sorted(found))


def _contacts(one: Site, two: Site, zoning: Zoning) -> Iterator[str]:
    if zoning.min_distance_m > 0 and distance_m(one.point, two.point) < zoning.min_distance_m:
        yield "distance"
    for place in one.places & two.places:
        if place.split(":", 1)[0] in zoning.place_kinds:
            yield place


class _Check:
    def __init__(
        self, problem: Problem, placements: Mapping[str, tuple[Stay, ...]], everyone: bool
    ) -> None:
        self.problem = problem
        self.sites = {site.id: site for site in problem.sites}
        self.units = {unit.id: unit for unit in problem.units}
        self.parties = {party.id: party for party in problem.parties}
        self.placements = placements
        #: all stays of each party after the placements, by first night
        self.stays: dict[str, list[Stay]] = {}
        #: the stays whose rules are checked
        self.watched: dict[str, list[Stay]] = {}
        self.unknown: list[Violation] = []
        for party in problem.parties:
            if party.id in placements:
                new = self._known(party.id, placements[party.id])
                kept = _kept(party, new)
                self.watched[party.id] = new
                self.stays[party.id] = _by_night([*kept, *new])
            else:
                self.stays[party.id] = _by_night(party.present)
                if everyone:
                    self.watched[party.id] = self.stays[party.id]
        self.residents: dict[str, list[tuple[Party, Stay]]] = defaultdict(list)
        asked = {stay.unit for stays in self.watched.values() for stay in stays}
        for party_id, stays in self.stays.items():
            for stay in stays:
                if stay.unit in asked:
                    self.residents[stay.unit].append((self.parties[party_id], stay))

    def _known(self, party_id: str, stays: Iterable[Stay]) -> list[Stay]:
        known = []
        for stay in stays:
            if stay.unit in self.units:
                known.append(stay)
            else:
                self.unknown.append(
                    Violation("unknown_unit", party_id, stay.unit, stay.first_night)
                )
        return _by_night(known)

    def all(self) -> Iterator[Violation]:
        yield from self.unknown
        for party_id in self.placements:
            if party_id in self.parties:
                yield from self._nights(self.parties[party_id])
                yield from self._changes(self.parties[party_id])
            else:
                yield Violation("unknown_party", party_id)
        for party_id, stays in self.watched.items():
            party = self.parties[party_id]
            for stay in stays:
                yield from self._unit(party, stay)
                yield from self._calendar(party, stay)
                yield from self._place(party, stay)
            yield from self._household(party)
            yield from self._apart(party)
        for unit_id in sorted({stay.unit for stays in self.watched.values() for stay in stays}):
            unit = self.units[unit_id]
            yield from self._private(unit) if _is_private(unit) else self._shared(unit)

    # --- the nights ---

    def _nights(self, party: Party) -> Iterator[Violation]:
        """The right nights, all of them, without a gap, from tonight to the horizon."""
        new = _by_night(self.placements[party.id])
        if not new:
            yield Violation("nights", party.id)
            return
        for stay in new:
            if stay.first_night < 0 or stay.end_night > self.problem.horizon:
                yield Violation("nights", party.id, stay.unit, stay.first_night)
        covered = _merged(new)
        if covered == _merged(_from_tonight(party.present)):
            return  # a move: the nights that it was promised
        first, end = covered[0][0], covered[-1][1]
        latest = party.first_night
        if party.latest_first_night is not None:
            latest = party.latest_first_night
        as_asked = party.first_night <= first <= latest and end - first == party.nights
        rest = (
            party.first_night < 0 == first
            and end == party.first_night + party.nights
            and any(
                begin <= party.first_night and until >= 0 for begin, until in _merged(party.present)
            )
        )
        if len(covered) > 1 or not (as_asked or rest):
            yield Violation("nights", party.id, new[0].unit, first)

    def _changes(self, party: Party) -> Iterator[Violation]:
        """Within the new stays the unit changes only for those who may."""
        if party.may_change_unit:
            return
        new = self.watched[party.id]
        for night, later in pairwise(_breaks(new)):
            before, after = _units_in(new, night), _units_in(new, later)
            if before and after and before != after:
                yield Violation("change_of_unit", party.id, after[0], later)

    # --- one stay ---

    def _unit(self, party: Party, stay: Stay) -> Iterator[Violation]:
        unit = self.units[stay.unit]
        lacks = {
            "admits": any(n and person not in unit.admits for person, n in party.people.items()),
            "step_free": party.step_free > unit.step_free,
            "pets": party.pets > unit.pets,
            "quiet": party.quiet > unit.quiet,
            "supervision": party.min_supervision > unit.supervision,
        }
        for rule, broken in lacks.items():
            if broken:
                yield Violation(rule, party.id, unit.id, stay.first_night)

    def _calendar(self, party: Party, stay: Stay) -> Iterator[Violation]:
        unit = self.units[stay.unit]
        for shut in unit.closed:
            if shut.overlaps(stay.nights):
                night = max(shut.first_night, stay.first_night)
                yield Violation("closed", party.id, unit.id, night)
        if party.urgency < self.problem.kept_back_urgency:
            for kept in unit.kept_back:
                if kept.overlaps(stay.nights):
                    night = max(kept.first_night, stay.first_night)
                    yield Violation("kept_back", party.id, unit.id, night)
        own = [other for other in self.stays[party.id] if other.unit == unit.id]
        for begin, until in _merged(own):
            limit = unit.max_stay_nights
            if limit is not None and begin <= stay.first_night < until and until - begin > limit:
                yield Violation("max_stay", party.id, unit.id, begin + limit)
        night_before = stay.first_night - 1
        housed = any(night_before in other.nights for other in self.stays[party.id])
        hour = party.arrival_hour
        if hour is not None and not housed and hour not in _open_hours(unit):
            yield Violation("intake_hours", party.id, unit.id, stay.first_night)

    def _place(self, party: Party, stay: Stay) -> Iterator[Violation]:
        unit = self.units[stay.unit]
        site = self.sites[unit.site]
        broken = {
            "audience": site.audience != party.side,
            "excluded_site": site.id in party.excluded_sites,
            "excluded_commune": site.commune in party.excluded_communes,
            "excluded_place": bool(party.excluded_places & site.places),
            "danger_zone": any(
                not distance_m(zone.centre, site.point) > zone.radius_m
                for zone in party.danger_zones
            ),
            "zoning": any(
                other.audience != site.audience and any(_contacts(site, other, self.problem.zoning))
                for other in self.problem.sites
            ),
        }
        for rule, is_broken in broken.items():
            if is_broken:
                yield Violation(rule, party.id, unit.id, stay.first_night)

    # --- one household ---

    def _household(self, party: Party) -> Iterator[Violation]:
        """In every night one unit, or two private ones of one site, with beds for all."""
        stays = self.watched[party.id]
        for night in _breaks(stays):
            ids = _units_in(stays, night)
            if not ids:
                continue
            units = [self.units[unit_id] for unit_id in ids]
            two_allowed = (
                len(set(ids)) == len(ids) == 2
                and party.may_use_two_units
                and units[0].site == units[1].site
                and all(_is_private(unit) for unit in units)
            )
            if len(ids) > 1 and not two_allowed:
                yield Violation("together", party.id, ids[0], night)
            if sum(unit.beds for unit in units) < party.beds:
                yield Violation("beds", party.id, ids[0], night)
            if sum(unit.cots for unit in units) < party.cots:
                yield Violation("cots", party.id, ids[0], night)

    def _apart(self, party: Party) -> Iterator[Violation]:
        for rule in self.problem.separations:
            others: set[str] = set()
            if party.id in rule.a:
                others.update(rule.b)
            if party.id in rule.b:
                others.update(rule.a)
            others.discard(party.id)
            for other in others:
                for stay in self.watched[party.id]:
                    for theirs in self.stays[other]:
                        here, there = self._site(stay), self._site(theirs)
                        if stay.nights.overlaps(theirs.nights) and (
                            here is there
                            or distance_m(here.point, there.point) < rule.min_distance_m
                            or (rule.shared_places and here.places & there.places)
                        ):
                            night = max(stay.first_night, theirs.first_night)
                            yield Violation("separation", party.id, stay.unit, night, other)

    def _site(self, stay: Stay) -> Site:
        return self.sites[self.units[stay.unit].site]

    # --- one unit ---

    def _is_watched(self, party: Party, stay: Stay) -> bool:
        return any(stay is own for own in self.watched.get(party.id, ()))

    def _private(self, unit: Unit) -> Iterator[Violation]:
        """One household in a night, and empty nights for cleaning between two households."""
        residents = self.residents[unit.id]
        for party, stay in residents:
            if not self._is_watched(party, stay):
                continue
            for other, theirs in residents:
                if other is party:
                    continue
                if stay.nights.overlaps(theirs.nights):
                    night = max(stay.first_night, theirs.first_night)
                    yield Violation("occupied", party.id, unit.id, night, other.id)
                    continue
                earlier, later = sorted((stay, theirs), key=lambda s: s.first_night)
                if later.first_night - earlier.end_night < unit.cleaning_nights:
                    night = earlier.end_night
                    yield Violation("cleaning", party.id, unit.id, night, other.id)

    def _shared(self, unit: Unit) -> Iterator[Violation]:
        """Beds, cots and gender in every night in which somebody arrives.

        Beds that are being cleaned after a stay are taken too.
        """
        residents = self.residents[unit.id]
        for night in sorted({stay.first_night for _, stay in residents}):
            asleep = {p.id: p for p, stay in residents if night in stay.nights}
            cleaned = {
                p.id: p
                for p, stay in residents
                if stay.first_night <= night < stay.end_night + unit.cleaning_nights
            }
            for party, stay in residents:
                if not self._is_watched(party, stay):
                    continue
                in_bed = night in stay.nights
                in_use = stay.first_night <= night < stay.end_night + unit.cleaning_nights
                if in_bed and _over(unit, asleep.values()):
                    yield Violation("capacity", party.id, unit.id, night)
                elif in_use and _over(unit, cleaned.values()):
                    yield Violation("cleaning", party.id, unit.id, night)
                same_gender = unit.sharing is Sharing.SHARED_SAME_GENDER
                if in_bed and same_gender and _mixed(asleep.values()):
                    yield Violation("shared_gender", party.id, unit.id, night)


# --- arithmetic of nights ---


def _by_night(stays: Iterable[Stay]) -> list[Stay]:
    listed = list(stays)
    if len(listed) > 1:  # most parties have one stay, and all parties are listed
        listed.sort(key=lambda stay: (stay.first_night, stay.end_night, stay.unit))
    return listed


def _kept(party: Party, new: list[Stay]) -> list[Stay]:
    """The part of the present stays that the new ones do not replace."""
    change = min([party.first_night, *(stay.first_night for stay in new)])
    change = max(change, 0)
    return [
        Stay(stay.unit, stay.first_night, min(change, stay.end_night))
        for stay in party.present
        if stay.first_night < change
    ]


def _from_tonight(stays: Iterable[Stay]) -> list[Stay]:
    return [Stay(s.unit, max(0, s.first_night), s.end_night) for s in stays if s.end_night > 0]


def _merged(stays: Iterable[Stay]) -> list[tuple[int, int]]:
    """The covered nights as separate ranges (first, end), in order."""
    ranges: list[tuple[int, int]] = []
    for stay in _by_night(stays):
        if ranges and stay.first_night <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], stay.end_night))
        else:
            ranges.append((stay.first_night, stay.end_night))
    return ranges


def _breaks(stays: Iterable[Stay]) -> list[int]:
    """Nights in which the set of used units may differ from the night before."""
    return sorted({night for stay in stays for night in (stay.first_night, stay.end_night)})


def _units_in(stays: Iterable[Stay], night: int) -> list[str]:
    return sorted(stay.unit for stay in stays if night in stay.nights)


# --- arithmetic of units ---


def _is_private(unit: Unit) -> bool:
    return unit.sharing is Sharing.PRIVATE


def _open_hours(unit: Unit) -> set[int]:
    """The hours of the day in which somebody can be let in."""
    length = (unit.intake_until - unit.intake_from) % 24 or 24
    return {(unit.intake_from + step) % 24 for step in range(length)}


def _over(unit: Unit, there: Iterable[Party]) -> bool:
    need: Counter[str] = Counter()
    for party in there:
        for person, count in party.people.items():
            if person is Person.INFANT:
                need["cot"] += max(0, count - party.own_cots)
            else:
                need["bed"] += count
    return need["bed"] > unit.beds or need["cot"] > unit.cots


def _mixed(there: Iterable[Party]) -> bool:
    grown = {p for party in there for p, n in party.people.items() if n and p not in _CHILDREN}
    return not (grown <= _FEMALE or grown <= _MALE or not grown & (_FEMALE | _MALE))
