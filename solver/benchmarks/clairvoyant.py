"""How few could be turned away by somebody who knows the whole year in advance.

    maximise    Σ x[h, u]                                  h a household, u a unit that suits it
    subject to  Σ_u x[h, u] ≤ 1                            one unit, all its nights, no move
                Σ_{h there in night t} x[h, u] ≤ 1         for every unit, at the nights of arrival

One household at a time makes the nights of a unit cliques of an interval graph, so the nights in
which somebody may arrive are enough. ``promise`` adds that nobody is refused while a unit that
suits is free on the evening: for each household h and each unit u that suits it,
Σ_v x[h, v] + Σ_{g earlier, still there} x[g, u] ≥ 1. Only that clairvoyant is bound by what every
worker is bound by; the other one refuses a family with a long stay so that several short ones fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from shelter_solver import Party


@dataclass(frozen=True, slots=True)
class Optimum:
    """How many are turned away: in the best year found, and at least in any."""

    turned_away: int
    bound: int

    @property
    def proven(self) -> bool:
        return self.turned_away == self.bound


def clairvoyant(
    asking: Sequence[Party],
    suitable: Sequence[frozenset[str]],
    *,
    promise: bool = False,
    limit_s: float = 20.0,
) -> Optimum:
    """The optimum over all years without moves; ``suitable`` are the units that suit each."""
    model = cp_model.CpModel()
    x = {
        (number, unit): model.new_bool_var("")
        for number, units in enumerate(suitable)
        for unit in sorted(units)
    }
    at: dict[str, list[int]] = {}
    for number, units in enumerate(suitable):
        model.add_at_most_one(x[number, unit] for unit in sorted(units))
        for unit in sorted(units):
            at.setdefault(unit, []).append(number)

    def there(unit: str, night: int) -> list[int]:
        return [
            number
            for number in at[unit]
            if asking[number].first_night <= night
            and night < asking[number].first_night + asking[number].nights
        ]

    for unit, numbers in at.items():
        for night in {asking[number].first_night for number in numbers}:
            model.add_at_most_one(x[number, unit] for number in there(unit, night))
    if promise:
        for number, units in enumerate(suitable):
            housed = [x[number, unit] for unit in sorted(units)]
            for unit in sorted(units):
                earlier = there(unit, asking[number].first_night)
                model.add_bool_or(housed + [x[one, unit] for one in earlier if one < number])
    for number, unit in _first_fit(asking, suitable).items():
        model.add_hint(x[number, unit], True)
    model.maximize(sum(x.values()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    solver.parameters.max_time_in_seconds = limit_s
    status = solver.solve(model)
    housed_most = len(asking) - round(solver.best_objective_bound)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Optimum(len(asking), 0)
    return Optimum(len(asking) - round(solver.objective_value), max(0, housed_most))


def _first_fit(asking: Sequence[Party], suitable: Sequence[frozenset[str]]) -> dict[int, str]:
    """A year that keeps the promise, for the search to begin with."""
    homes: dict[int, str] = {}
    leaves: dict[str, int] = {}
    for number, party in enumerate(asking):
        free = (u for u in sorted(suitable[number]) if leaves.get(u, 0) <= party.first_night)
        unit = next(free, None)
        if unit is not None:
            homes[number] = unit
            leaves[unit] = party.first_night + party.nights
    return homes


def with_any_moves(asking: Sequence[Party], suitable: Sequence[frozenset[str]]) -> int:
    """How many are turned away when everybody there may be moved as often as it helps.

    Without knowing the future, but with all moves: a household is refused only when no exchange of
    places, however long, houses it besides all who are there (augmenting paths; Kuhn 1955).
    """
    home: dict[str, int] = {}  # unit -> household
    refused = 0

    def housed(number: int, tried: set[str]) -> bool:
        for unit in sorted(suitable[number] - tried):
            tried.add(unit)
            if unit not in home or housed(home[unit], tried):
                home[unit] = number
                return True
        return False

    for number, party in enumerate(asking):
        for unit, other in list(home.items()):
            if asking[other].first_night + asking[other].nights <= party.first_night:
                del home[unit]
        refused += not housed(number, set())
    return refused
