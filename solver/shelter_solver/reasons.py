"""What speaks for an option, as codes and numbers that a translator turns into a sentence.

Distances are told in whole kilometres: finer ones, asked for from several points, would give a
site's address away.
"""

from __future__ import annotations

from collections.abc import Iterator

from shelter_solver.candidates import Plan
from shelter_solver.objective import GOALS, Judge, Score
from shelter_solver.problem import Sharing, distance_m
from shelter_solver.result import Reason


def reasons(judge: Judge, plan: Plan, score: Score, least_scarcity: int) -> tuple[Reason, ...]:
    """The reasons for one plan, the household's needs first."""
    return (
        *_nights(plan, score),
        *_fit(judge, plan),
        *_needs(judge, plan),
        *_where(judge, plan),
        *_thrift(judge, plan, score, least_scarcity),
    )


def _nights(plan: Plan, score: Score) -> Iterator[Reason]:
    first = min(stay.first_night for stay in plan)
    end = max(stay.end_night for stay in plan)
    yield Reason("free_all_nights", {"nights": end - first})
    waiting = score[_place("waiting")]
    if waiting:
        yield Reason("starts_later", {"days": waiting, "first_night": first})
    kind = score[_place("one_unit")]
    if kind == 1:
        yield Reason("two_units_one_site", {"units": len(plan)})
    if kind == 2:
        yield Reason("changes_unit_on", {"night": plan[1].first_night})


def _fit(judge: Judge, plan: Plan) -> Iterator[Reason]:
    party = judge.party
    side_by_side = len(plan) > 1 and plan[0].first_night == plan[1].first_night
    groups = [judge.units(plan)] if side_by_side else [[unit] for unit in judge.units(plan)]
    beds = min(sum(unit.beds for unit in group) for group in groups)
    shared = any(unit.sharing is not Sharing.PRIVATE for group in groups for unit in group)
    if shared:
        yield Reason("only_some_beds_used", {"used": party.beds, "beds": beds})
    else:
        yield Reason("fits_beds", {"beds": beds, "needed": party.beds})
    if party.cots:
        cots = min(sum(unit.cots for unit in group) for group in groups)
        yield Reason("has_cots", {"cots": cots, "needed": party.cots})


def _needs(judge: Judge, plan: Plan) -> Iterator[Reason]:
    party = judge.party
    if party.step_free:
        yield Reason("step_free")
    if party.pets:
        yield Reason("pets_welcome")
    if party.quiet:
        yield Reason("quiet")
    if party.min_supervision:
        level = min(unit.supervision for unit in judge.units(plan))
        yield Reason("supervised", {"level": level, "needed": party.min_supervision})
    if party.arrival_hour is not None:
        yield Reason("open_at_arrival", {"hour": party.arrival_hour})


def _where(judge: Judge, plan: Plan) -> Iterator[Reason]:
    party = judge.party
    sites = {unit.site: judge.world.site_of(unit) for unit in judge.units(plan)}.values()
    if party.danger_zones:
        away = min(
            distance_m(site.point, zone.centre) for site in sites for zone in party.danger_zones
        )
        yield Reason("away_from_danger", {"km": int(away // 1000)})
    for commune in sorted({site.commune for site in sites}):
        if commune in party.preferred_communes:
            yield Reason("in_preferred_commune", {"commune": commune})
        elif party.preferred_communes:
            yield Reason("outside_preferred_communes", {"commune": commune})
    for number, point in enumerate(party.preferred_points, start=1):
        km = max(distance_m(site.point, point) for site in sites) / 1000
        yield Reason("near_preferred_point", {"point": number, "km": max(1, round(km))})
    if party.present:
        last = max(party.present, key=lambda stay: (stay.end_night, stay.unit))
        present = judge.world.units[last.unit]
        if all(stay.unit == last.unit for stay in plan):
            yield Reason("same_unit_as_now")
        elif all(site.id == present.site for site in sites):
            yield Reason("same_site_as_now")


def _thrift(judge: Judge, plan: Plan, score: Score, least_scarcity: int) -> Iterator[Reason]:
    if score[_place("scarcity")] <= least_scarcity:
        yield Reason("keeps_scarce_units")
    kept_back = any(
        stay.nights.overlaps(kept)
        for unit, stay in zip(judge.units(plan), plan, strict=True)
        for kept in unit.kept_back
    )
    if kept_back:
        yield Reason("uses_kept_back_nights")


def _place(goal: str) -> int:
    return [name for name, _ in GOALS].index(goal)
