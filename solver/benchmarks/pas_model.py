"""Patient admission scheduling: what a choice of rooms costs, and the instance as an assignment.

Costs are in tenths of the published unit, for each patient and night (Demeester et al. 2010;
Ceschia and Schaerf, "Local search and lower bounds for the patient admission scheduling problem",
2011; checked: the linear relaxation of instance 01 without genders is 6 432, as measured before):

    a room larger than the patient likes             8
    a department without the patient's specialism   10
    a room without it                               20, or 10 for each level below the first
    a needed property that the room lacks           50 each
    a preferred property that the room lacks        20 each
    the other gender in a room for F or M           50
    a room of one gender (D)                        50 · min(women, men) in each night

Age limits and beds are hard. Nobody is transferred (110 each): a patient keeps one room.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.pas_format import Instance, Patient, Room
from shelter_solver.assign.assignment import FEMALE, MALE, Assignment, Ints

ROOM_WISH, DEPARTMENT, ROOM_NONE, ROOM_LEVEL, NEEDED, PREFERRED, GENDER = 8, 10, 20, 10, 50, 20, 50
#: what leaving a patient without a bed costs more than the worst room, for each night: everybody
#: gets a bed, yet the price stays in the range of the others, where the engine's pricing is at ease
NO_BED = 200


def stay_cost(instance: Instance, patient: Patient, room: Room) -> int:
    """Tenths for the whole stay in the room, whoever else is there."""
    lacking = NEEDED * len(patient.needed - room.properties)
    lacking += PREFERRED * len(patient.preferred - room.properties)
    if patient.capacity and room.capacity > patient.capacity:
        lacking += ROOM_WISH
    if room.policy in "FM" and room.policy != patient.gender:
        lacking += GENDER
    offered = instance.departments[room.department].specialisms
    total = lacking * len(patient.specialisms)
    for specialism in patient.specialisms:
        total += 0 if specialism in offered else DEPARTMENT
        level = room.specialisms.get(specialism)
        total += ROOM_NONE if level is None else ROOM_LEVEL * (level - 1)
    return total


def value(instance: Instance, room_of: Mapping[int, int]) -> int:
    """What a choice costs, patient by patient and night by night: shares nothing with the engine.

    ``room_of`` gives each patient's room.

    Raises
    ------
    ValueError
        The choice breaks a hard rule: a patient without a room, an age limit, too few beds.
    """
    rooms = {room.id: room for room in instance.rooms}
    total = 0
    there: dict[tuple[int, int], list[str]] = {}
    for patient in instance.patients:
        if patient.id not in room_of:
            raise ValueError(f"patient {patient.id} has no room")
        room = rooms[room_of[patient.id]]
        if not instance.departments[room.department].admits(patient.age):
            raise ValueError(f"patient {patient.id} has not the age for room {room.id}")
        total += stay_cost(instance, patient, room)
        for night in range(patient.first, patient.end):
            there.setdefault((room.id, night), []).append(patient.gender)
    for (number, night), genders in there.items():
        room = rooms[number]
        if len(genders) > room.capacity:
            raise ValueError(f"room {number}, night {night}: {len(genders)} patients")
        if room.policy == "D":
            total += GENDER * min(genders.count("F"), genders.count("M"))
    return total


def to_assignment(instance: Instance) -> Assignment:
    """One column for each patient and room that the age allows, in the order of both."""
    pairs = [
        (number, place, stay_cost(instance, patient, room))
        for number, patient in enumerate(instance.patients)
        for place, room in enumerate(instance.rooms)
        if instance.departments[room.department].admits(patient.age)
    ]
    party, unit, cost = (np.array(part, dtype=np.int64) for part in zip(*pairs, strict=True))
    patients = instance.patients
    code = np.array([FEMALE if p.gender == "F" else MALE for p in patients], dtype=np.int64)
    nights = np.array([patient.end - patient.first for patient in patients], dtype=np.int64)
    worst = np.zeros(len(patients), dtype=np.int64)
    np.maximum.at(worst, party, cost)
    capacity = np.array([room.capacity for room in instance.rooms], dtype=np.int64)
    ones = np.ones(len(party), dtype=np.int64)
    return Assignment(
        skip_cost=worst + NO_BED * nights,
        party=party,
        cost=cost,
        column=np.arange(len(party)),
        unit=unit,
        first=np.array([patient.first for patient in patients])[party],
        end=np.array([patient.end for patient in patients])[party],
        beds=ones,
        cots=0 * ones,
        bed_room=np.repeat(capacity[:, None], instance.horizon, axis=1),
        cot_room=np.zeros((len(instance.rooms), instance.horizon), dtype=np.int64),
        gender=code[party],
        one_gender=np.array([room.policy == "D" for room in instance.rooms]),
        mixing_cost=GENDER,
    )


def rooms_chosen(instance: Instance, a: Assignment, chosen: Ints) -> dict[int, int]:
    """Patient to room, of those who have one, for the chosen columns."""
    return {
        instance.patients[number].id: instance.rooms[a.unit[column]].id
        for number, column in enumerate(chosen.tolist())
        if column >= 0
    }
