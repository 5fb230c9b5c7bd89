"""What can be concluded from the answers: a guess where the victim is, and how good the guess is.

For each of the communes the attacker looks at what was answered about it and about its eight
neighbours, in the last round and before, at how long each answer took, and at every answer that is
unlike those that other victims brought. How much each of these says is learned from half of the
victims, whose place is known to the attacker, by conditional logistic regression over the communes
(McFadden 1974). The other half is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaks.attack import Seen
from leaks.country import COMMUNES, neighbour
from leaks.run import Case

Floats = NDArray[np.float64]
#: east and south of a commune: itself, and those around it
AROUND = [(0, 0)] + [(e, s) for e in (-1, 0, 1) for s in (-1, 0, 1) if (e, s) != (0, 0)]
RIDGE = 1.0
STEPS = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval, over victims drawn anew (bootstrap)."""

    mean: float
    low: float
    high: float


def accuracy(cases: Sequence[Case], *, repeats: int = 10, seed: int = 0) -> Estimate:
    """The share of guesses that name the right commune, one guess after each round.

    Halves are drawn ``repeats`` times, and each half is guessed once with what the other taught:
    for each victim that many guesses a round, whose mean says more than one.
    """
    chance = np.random.default_rng(seed)
    right = np.zeros(len(cases))
    features, where = _features(cases), np.array([case.where for case in cases])
    for _ in range(repeats):
        order = chance.permutation(len(cases))
        half = len(cases) // 2
        for known, unknown in ((order[:half], order[half:]), (order[half:], order[:half])):
            odd = _oddness(cases, where, known)
            every = np.concatenate([features, odd[..., None]], axis=-1)
            weights = _learn(
                every[known].reshape(-1, COMMUNES, every.shape[-1]), where[known].reshape(-1)
            )
            score = every[unknown] @ weights
            # equal scores: any of them, by chance, as one who knows nothing guesses
            score = score + chance.uniform(0, 1e-9, score.shape)
            right[unknown] += (score.argmax(axis=-1) == where[unknown]).mean(axis=1)
    return _bootstrap(right / repeats, chance)


def commonest(cases: Sequence[Case]) -> float:
    """How often the commune that most victims are in would be right, known beforehand."""
    counts = Counter(where for case in cases for where in case.where)
    return counts.most_common(1)[0][1] / sum(counts.values())


def different_answers(cases: Sequence[Case]) -> tuple[int, int]:
    """Questions to which not every victim brought the same answer, and all questions."""
    different = questions = 0
    for over_http in (False, True):
        alike = [case.seen.answers for case in cases if case.over_http is over_http]
        if len(alike) > 1:
            questions += len(alike[0])
            different += sum(len(set(answers)) > 1 for answers in zip(*alike, strict=True))
    return different, questions


def timing_auc(cases: Sequence[Case], *, slower: float = 0.0, seed: int = 0) -> Estimate:
    """How well durations tell questions about the victim's own commune from the others.

    The area under the ROC curve, 0.5 when they tell nothing: the chance that of two communes, one
    with the victim and one without, the right one is picked by how long its questions took. Each
    duration is compared with those of the very same question about other victims, in the same
    process and on the same way in, and with the other communes in the same round. Whether, and
    with which questions, near means slower or faster is learned from one half of the victims and
    tried on the other.

    ``slower`` is a control: the same durations, but as if near answers had taken that share longer.
    """
    chance = np.random.default_rng(seed)
    near = np.array(
        [[[c == where for c in range(COMMUNES)] for where in case.where] for case in cases]
    )
    slow = _slowness(cases, slower)
    order = chance.permutation(len(cases))
    halves = order[: len(cases) // 2], order[len(cases) // 2 :]
    score = np.zeros(near.shape)
    for known, unknown in (halves, halves[::-1]):
        for kind in range(slow.shape[1]):
            for form in (0, 1):  # rounds ask in two forms, by turns
                part, is_near = slow[known, kind, form::2], near[known, form::2]
                if is_near.size:
                    weight = part[is_near].mean() - part[~is_near].mean()
                    score[unknown, form::2] += weight * slow[unknown, kind, form::2]
    drawn = [
        _auc(score[pick], near[pick])
        for pick in (chance.integers(0, len(cases), len(cases)) for _ in range(200))
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(_auc(score, near), float(low), float(high))


def _auc(values: Floats, near: NDArray[np.bool_]) -> float:
    """Mann and Whitney's statistic, ties counted half."""
    flat, is_near = values.ravel(), near.ravel()
    _, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(is_near.sum())
    negatives = is_near.size - positives
    above = ranks[is_near].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _features(cases: Sequence[Case]) -> Floats:
    """Victim × round × commune × what was seen about it and around it."""
    slow = _slowness(cases)
    rounds = len(cases[0].where)
    every = []
    for number, case in enumerate(cases):
        seen = case.seen
        now = np.array([seen.first, seen.offered, seen.options])
        before = np.array([now[:, : max(1, r)].mean(axis=1) for r in range(rounds)])
        last = now.transpose(1, 0, 2)
        lasting = np.array([slow[number][:, : r + 1].mean(axis=1) for r in range(rounds)])
        layers = np.concatenate(
            [last, before, slow[number].transpose(1, 0, 2), lasting], axis=1
        )  # round × layer × commune
        around = []
        for east, south in AROUND:
            shifted = np.zeros_like(layers)
            for commune in range(COMMUNES):
                there = neighbour(commune, east, south)
                if there is not None:
                    shifted[:, :, commune] = layers[:, :, there]
            around.append(shifted)
        every.append(np.concatenate(around, axis=1).transpose(0, 2, 1))
    made: Floats = np.array(every, dtype=float)
    spread = made.reshape(-1, made.shape[-1]).std(axis=0)
    varies = spread > 1e-12
    told: Floats = (made[..., varies] - made[..., varies].mean(axis=(0, 1, 2))) / spread[varies]
    return told


def _slowness(cases: Sequence[Case], slower: float = 0.0) -> Floats:
    """Victim × kind × round × commune: a duration beside those of other victims.

    Kinds are the wish and the options, each by both clocks.
    """

    def of(seen: Seen) -> list[Any]:
        return [seen.wish_s, seen.options_s]

    both = np.array([of(case.seen) for case in cases])
    victims, _, *rounds_and_communes, _ = both.shape
    slow: Floats = np.log(np.moveaxis(both, -1, 2).reshape(victims, -1, *rounds_and_communes))
    if slower:
        for number, case in enumerate(cases):
            for at, where in enumerate(case.where):
                slow[number, :, at, where] += np.log1p(slower)
    for group in {(case.over_http, case.process) for case in cases}:
        rows = [n for n, case in enumerate(cases) if (case.over_http, case.process) == group]
        part = slow[rows] - np.median(slow[rows], axis=0)
        # a machine that was busy for a while was so for all of one victim's questions
        part -= np.median(part, axis=-1, keepdims=True)
        spread = 1.4826 * np.median(np.abs(part), axis=0) + 1e-6
        slow[rows] = np.clip(part / spread, -4, 4)
    return slow


def _oddness(cases: Sequence[Case], where: NDArray[np.int64], known: NDArray[np.int64]) -> Floats:
    """How much each commune is spoken for by answers that hang on where a known victim was.

    The naive Bayes sum over every single answer, whatever it is about: lists, boards, histories,
    refusals, messages. A known victim's own answers are left out of what they are judged by.
    """
    odd = np.zeros((len(cases), where.shape[1], COMMUNES))
    for over_http in (False, True):
        rows = [n for n, case in enumerate(cases) if case.over_http is over_http]
        taught = [n for n in rows if n in set(known.tolist())]
        if not taught:
            continue
        for question in range(len(cases[rows[0]].seen.answers)):
            answers = [cases[n].seen.answers[question] for n in rows]
            kinds = {answer: number for number, answer in enumerate(sorted(set(answers)))}
            if len(kinds) < 2:
                continue  # everybody got the same: it tells nothing
            per_round = len(cases[rows[0]].seen.answers) // where.shape[1]
            at = min(question // per_round, where.shape[1] - 1)
            said = {n: kinds[answer] for n, answer in zip(rows, answers, strict=True)}
            counts = np.full((len(kinds), COMMUNES), 0.5)
            for n in taught:
                counts[said[n], where[n, at]] += 1
            for n in rows:
                mine = counts.copy()
                if n in taught:
                    mine[said[n], where[n, at]] -= 1
                odd[n, at] += np.log(mine[said[n]] / mine.sum(axis=0))
    centred: Floats = odd - odd.mean(axis=-1, keepdims=True)
    return centred


def _learn(features: Floats, where: NDArray[np.int64]) -> Floats:
    """Weights that make the known places likeliest: Newton's steps on the ridge likelihood."""
    size = features.shape[-1]
    weights = np.zeros(size)
    chosen = features[np.arange(len(where)), where]
    for _ in range(STEPS):
        score = features @ weights
        share = np.exp(score - score.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        mean = np.einsum("nc,ncf->nf", share, features)
        slope = (chosen - mean).sum(axis=0) - RIDGE * weights
        bend = np.einsum("nc,ncf,ncg->fg", share, features, features, optimize=True)
        bend -= np.einsum("nf,ng->fg", mean, mean)
        step = np.linalg.solve(bend + RIDGE * np.eye(size), slope)
        longest = np.abs(step).max()
        weights += step if longest <= 1 else step / longest
        if longest < 1e-4:
            break
    return weights


def _bootstrap(values: Floats, chance: np.random.Generator) -> Estimate:
    picks = chance.integers(0, len(values), (2000, len(values)))
    means = values[picks].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(float(values.mean()), float(low), float(high))
