"""The benchmarks' own promises: the instances, the formulation, the judge and the peers are right.

The peer HiGHS needs the package ``highspy`` and is left out without it.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks import arena, batch, growth, report
from benchmarks.__main__ import main
from benchmarks.arena import Arena, Run
from benchmarks.check import WrongAnswer, check
from benchmarks.formulation import Formulation, formulate
from benchmarks.generate import APART_M, SHAPES, country, of_shape, regions
from benchmarks.greedy_peer import greedy
from benchmarks.peer_rows import nearest, peer_rows
from shelter_solver import Problem, Side, Stay, verify
from shelter_solver.constraints import Ask, first_block
from shelter_solver.world import World

PEERS = ["cpsat", "cpsat+hint", *(["highs"] if find_spec("highspy") else [])]
TINY = replace(SHAPES["tightS"], name="tiny", units=12, requests=24, communes=5)


def plan(problem: Problem, made: Formulation, chosen: np.ndarray) -> dict[str, tuple[Stay, ...]]:
    """The choice as stays, for ``verify``."""
    a = made.assignment
    return {
        made.parties[p]: (Stay(made.units[a.unit[c]], int(a.first[c]), int(a.end[c])),)
        for p, c in enumerate(chosen.tolist())
        if c >= 0
    }


# --- the instances --------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_country() -> None:
    assert country("tightS", 5) == country("tightS", 5)
    assert country("tightS", 5) != country("tightS", 6)
    assert regions(300, 5) == regions(300, 5)


@pytest.mark.parametrize("name", ["small", "mid", "tightM"])
def test_a_country_is_what_it_is_advertised_as(name: str) -> None:
    shape, drawn = SHAPES[name], country(name, 3)
    asking = [party for party in drawn.parties if not party.present]
    victims = [party for party in asking if party.side is Side.VICTIMS]
    perpetrators = [party for party in asking if party.side is Side.PERPETRATORS]
    assert (len(drawn.units), len(asking)) == (shape.units, shape.requests)
    assert all(p.first_night >= 0 and p.first_night + p.nights <= drawn.horizon for p in asking)
    assert all(p.latest_first_night is None and len(p.preferred_points) == 1 for p in asking)
    assert {party.urgency for party in asking} == {0, 1, 2, 3}
    assert all(rule.min_distance_m == APART_M for rule in drawn.separations)
    for_victims = [site.audience is Side.VICTIMS for site in drawn.sites]
    if name != "small":
        assert 3.5 <= len(drawn.units) / len(drawn.sites) <= 4.5
        assert 0.85 <= np.mean(for_victims) <= 0.95
        assert 0.35 <= np.mean([bool(p.excluded_communes) for p in victims]) <= 0.45
        assert 0.25 <= len(drawn.separations) / len(perpetrators) <= 0.55


def test_every_site_of_a_country_may_be_used() -> None:
    assert not World(country("mid", 1)).zoned


def test_the_regions_of_a_growing_country_do_not_depend_on_each_other() -> None:
    made = formulate(regions(300, 1))
    a = made.assignment
    region_of_party = np.array([name[:3] for name in made.parties])[a.party]
    region_of_unit = np.array([name[:3] for name in made.units])[a.unit]
    assert (region_of_party == region_of_unit).all()


# --- the formulation ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_column_exists_exactly_where_no_rule_forbids_the_unit(seed: int) -> None:
    problem = of_shape(TINY, seed)
    made, world = formulate(problem), World(problem)
    a = made.assignment
    found = {(made.parties[p], made.units[u]) for p, u in zip(a.party, a.unit, strict=True)}
    allowed = {
        (party.id, unit.id)
        for party in problem.parties
        if not party.present
        for unit in problem.units
        if first_block(Ask(party, unit, party.first_night, party.first_night + party.nights), world)
        is None
    }
    assert found == allowed
    assert found, "an instance without any place shows nothing"


def test_separations_make_conflict_groups() -> None:
    """With all conflicts obeyed ``verify`` is content; without them it is not (control)."""
    broken = 0
    for seed in range(30):
        problem = of_shape(replace(TINY, requests=18, units=24, spread=0.1), seed)
        made = formulate(problem)
        assert verify(problem, plan(problem, made, greedy(made.assignment))) == ()
        free = replace(
            made.assignment,
            conflict_starts=np.zeros(1, dtype=np.int64),
            conflict=np.zeros(0, dtype=np.int64),
        )
        broken += verify(problem, plan(problem, made, greedy(free))) != ()
    assert broken


def test_the_nearest_columns_are_the_cheapest() -> None:
    a = formulate(of_shape(TINY, 1)).assignment
    part, old = nearest(a, 3)
    assert np.bincount(part.party, minlength=a.parties).max() == 3
    for party in range(a.parties):
        all_costs = np.sort(a.cost[a.party == party])[:3]
        assert np.sort(part.cost[part.party == party]).tolist() == all_costs.tolist()
    assert (a.cost[old] == part.cost).all()


def test_the_rows_of_the_peers_say_what_the_judge_says() -> None:
    """Random choices: no row is broken exactly when ``check`` finds no fault."""
    rng = np.random.default_rng(1)
    a = formulate(of_shape(replace(TINY, units=6, spread=0.05), 2)).assignment
    rows = peer_rows(a)
    verdicts = set()
    for _ in range(300):
        chosen = np.full(a.parties, -1, dtype=np.int64)
        for party in rng.choice(a.parties, 3, replace=False):
            columns = np.flatnonzero(a.party == party)
            if len(columns):
                chosen[party] = rng.choice(columns)
        x = np.zeros(a.columns, dtype=np.int64)
        x[chosen[chosen >= 0]] = 1
        load = np.add.reduceat(rows.coefficient * x[rows.column], rows.starts[:-1])
        try:
            value = check(a, chosen)
        except WrongAnswer:
            verdicts.add(False)
            assert (load > rows.limit).any()
        else:
            verdicts.add(True)
            assert (load <= rows.limit).all()
            assert value == rows.offset + int(rows.gain @ x) == a.value(chosen)
    assert verdicts == {True, False}


# --- the judge ------------------------------------------------------------------------------------


def test_the_judge_passes_the_greedy_answer_and_knows_its_value() -> None:
    a = formulate(country("tightS", 1)).assignment
    assert check(a, greedy(a)) == a.value(greedy(a))


def test_the_judge_catches_planted_errors() -> None:
    a = formulate(country("tightS", 2)).assignment
    good = greedy(a)
    placed, skipped = np.flatnonzero(good >= 0), np.flatnonzero(good < 0)
    squeezed = good.copy()  # whoever the greedy could not place goes to the nearest unit anyway
    for party in skipped:
        squeezed[party] = next(iter(np.flatnonzero(a.party == party)), -1)
    swapped = good.copy()
    swapped[placed[:2]] = good[placed[1::-1]]
    with pytest.raises(WrongAnswer, match=r"lacks|too near"):
        check(a, squeezed)
    with pytest.raises(WrongAnswer, match="of another"):
        check(a, swapped)
    with pytest.raises(WrongAnswer, match="claims"):
        check(a, good, a.value(good) - 1)
    with pytest.raises(WrongAnswer, match="one choice"):
        check(a, good[1:])


def test_the_judge_catches_two_parties_too_near_to_each_other() -> None:
    a = formulate(country("mid", 1)).assignment
    first = a.conflict[: a.conflict_starts[1]]
    one, two = (int(first[a.party[first] == party][0]) for party in np.unique(a.party[first])[:2])
    chosen = np.full(a.parties, -1, dtype=np.int64)
    chosen[a.party[one]] = one
    check(a, chosen)
    chosen[a.party[two]] = two
    with pytest.raises(WrongAnswer, match="conflict group"):
        check(a, chosen)


# --- the contestants ------------------------------------------------------------------------------


def test_an_instance_survives_the_way_to_another_process(tmp_path: Path) -> None:
    a = formulate(of_shape(TINY, 1)).assignment
    arena.save(a, tmp_path / "a.npz")
    b = arena.load(tmp_path / "a.npz")
    assert (a.cost == b.cost).all()
    assert (a.conflict == b.conflict).all()
    assert (a.mixing_cost, a.parties) == (b.mixing_cost, b.parties)


def test_peers_prove_the_same_optimum() -> None:
    problem = of_shape(replace(TINY, units=8), 4)
    made = formulate(problem)
    with Arena(made.assignment) as contest:
        simple = contest.run("greedy", 20, 1)
        results = [contest.run(who, 20, 1) for who in PEERS]
    assert all(result.proven for result in results), results
    assert len({result.value for result in results}) == 1
    assert simple.value is not None
    assert results[0].value is not None
    assert simple.value > results[0].value > 0, "an instance that the greedy solves shows nothing"
    assert all(result.megabytes > 10 for result in results)


def test_a_contestant_that_fails_is_reported_and_does_not_stop_the_others() -> None:
    with Arena(formulate(of_shape(TINY, 1)).assignment) as contest:
        failed = contest.run("nobody", 1, 1)
        greedy_run = contest.run("greedy", 1, 1)
    assert failed.value is None
    assert "nobody" in failed.note
    assert greedy_run.value is not None


# --- the report -----------------------------------------------------------------------------------


def made_run(who: str, value: int | None, bound: float | None, seconds: float = 1.0) -> Run:
    return Run(who, 60.0, value, bound, 1, seconds, 100)


def test_the_gap_is_proven_over_whole_costs() -> None:
    assert made_run("ours", 100, 99.2).gap == 0.0
    assert made_run("ours", 100, 98.9).gap == 0.01
    assert made_run("ours", 100, None).gap is None
    assert made_run("ours", None, 5.0).gap is None


def test_ratios_are_those_of_the_worst_seed() -> None:
    def event(ours: Run) -> list[Run]:
        return [
            made_run("greedy", 300, None),
            ours,
            made_run("highs", 100, 100.0, 8.0),
            made_run("cpsat", 200, 0.0),
        ]

    good, bad = made_run("ours", 100, 100.0, 1.0), made_run("ours", 100, 100.0, 4.0)
    worse = made_run("ours", 150, 99.0)
    found = batch.ratios({("mid", 60.0, 1): event(good), ("mid", 60.0, 2): event(bad)})
    assert found == {"mid_proven": True, "mid_time_vs_highs": 0.5, "worse": 0, "failed": 0}
    found = batch.ratios({("mid", 60.0, 1): event(worse)})
    assert found == {"mid_proven": False, "mid_time_vs_highs": None, "worse": 1, "failed": 0}
    found = batch.ratios({("tightM", 60.0, 1): event(worse)})
    assert (found["tightM_vs_cpsat"], found["tightM_gap"]) == (0.75, 0.34)


def test_the_exponent_of_growth_is_found_again() -> None:
    size = np.array([500.0, 1000.0, 2000.0])
    assert growth.exponent(size, 0.01 * size**1.3) == pytest.approx(1.3)
    assert growth.ratios([{"requests": 5, "seconds": 1, "value": None, "gap": None}]) == {
        "exponent": None,
        "exponent_with_arrays": None,
        "proven": False,
    }


def test_the_last_line_names_every_ratio() -> None:
    line = report.last_line({"batch": {"mid_proven": True, "gap": 0.01}, "pas": {"a / b": None}})
    assert line == "bench-solver: batch.mid_proven=yes batch.gap=0.01 pas.a_b=None"


def test_a_benchmark_that_fails_is_said_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> dict[str, object]:
        raise RuntimeError("planted")

    monkeypatch.setattr(growth, "run", broken)
    assert main(["--only", "growth", "--out", str(tmp_path / "out.json")]) == 1
    printed = capsys.readouterr().out
    assert "growth was NOT measured: FAILED: RuntimeError: planted" in printed
    assert printed.splitlines()[-1] == "bench-solver: growth.measured=NO"
    assert "planted" in (tmp_path / "out.json").read_text()
