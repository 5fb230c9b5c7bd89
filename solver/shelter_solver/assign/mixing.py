"""Persons of each gender in each night, and what mixing them costs where it is not forbidden."""

from __future__ import annotations

import numpy as np

from shelter_solver.assign.assignment import Assignment, Ints


def gender_load(a: Assignment, use: Ints) -> Ints:
    """(3, u, h) persons of each gender whom these uses bring to units of one gender."""
    units, nights = a.bed_room.shape
    change = np.zeros((3, units, nights + 1), dtype=np.int64)
    mine = use[(a.gender[use] > 0) & a.one_gender[a.unit[use]]]
    code = a.gender[mine] - 1
    np.add.at(change, (code, a.unit[mine], np.maximum(a.first[mine], 0)), a.beds[mine])
    np.add.at(change, (code, a.unit[mine], np.minimum(a.gone[mine], nights)), -a.beds[mine])
    return np.asarray(np.cumsum(change, axis=2)[:, :, :nights])


def mixing(a: Assignment, chosen: Ints) -> int:
    """Cost of all who are in the minority of a night: Σ (persons there − the largest group)."""
    if a.mixing_cost <= 0 or not len(a.gender):
        return 0
    on = np.zeros(a.columns, dtype=np.bool_)
    on[chosen[chosen >= 0]] = True
    load = gender_load(a, np.flatnonzero(on[a.column]))
    return int(a.mixing_cost * (load.sum(axis=0) - load.max(axis=0)).sum())
