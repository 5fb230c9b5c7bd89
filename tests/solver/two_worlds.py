"""Pairs of problems that differ in victims alone, and problems whose other side is marked."""

from __future__ import annotations

import random
from dataclasses import replace

from shelter_solver import (
    Nights,
    Party,
    Problem,
    Separation,
    Side,
    problem_from_json,
    problem_to_json,
)
from solver.network import random_problem, with_party

#: begins every id of the perpetrators' side in ``marked``
MARK = "beyond-"


def two_worlds(seed: int, other_seed: int) -> tuple[Problem, Problem]:
    """The same perpetrators and sites; other victims, other separations, other victim units.

    The asking party ``new`` is a perpetrator in both, and has a site to go to.
    """
    one = random_problem(seed)
    sites = (*one.sites[:-1], replace(one.sites[-1], audience=Side.PERPETRATORS))
    one = with_party(replace(one, sites=sites), "new", side=Side.PERPETRATORS)
    return one, _with_other_victims(one, other_seed)


def _with_other_victims(one: Problem, seed: int) -> Problem:
    rng = random.Random(seed)
    known = {unit.id for unit in one.units}
    victims = tuple(
        _renamed(party, known)
        for party in random_problem(seed).parties
        if party.side is Side.VICTIMS
    )
    seen = one.seen_by(Side.PERPETRATORS)
    names = [party.id for party in victims]
    theirs = frozenset(party.id for party in seen.parties)
    apart = tuple(
        Separation(theirs, frozenset({name}), rng.choice([0.0, 5000.0]))
        for name in names
        if rng.random() < 0.6
    )
    audience = {site.id: site.audience for site in one.sites}
    units = tuple(
        replace(unit, closed=(Nights(0, 2),), beds=9)
        if audience[unit.site] is Side.VICTIMS and rng.random() < 0.5
        else unit
        for unit in one.units
    )
    return replace(
        seen,
        units=units,
        parties=(*victims, *seen.parties),
        separations=(*apart, *seen.separations),
    )


def _renamed(party: Party, known: set[str]) -> Party:
    present = tuple(stay for stay in party.present if stay.unit in known)
    return replace(party, id=f"other-{party.id}", present=present)


def marked(given: Problem) -> Problem:
    """The same problem in which every id of the perpetrators' side begins with ``MARK``."""
    sites = {site.id for site in given.sites if site.audience is Side.PERPETRATORS}
    theirs = [
        *sites,
        *(unit.id for unit in given.units if unit.site in sites),
        *(party.id for party in given.parties if party.side is Side.PERPETRATORS),
    ]
    text = problem_to_json(given)
    for name in theirs:
        text = text.replace(f'"{name}"', f'"{MARK}{name}"')
    return problem_from_json(text)
