"""Minimal hitting sets, by bitmasks: the smallest sets that meet every one of a family of sets."""

from __future__ import annotations

from collections.abc import Iterable

from shelter_solver.fits import bits


def minimal_hitting_sets(family: Iterable[int], most: int) -> tuple[list[int], bool]:
    """The ``most`` smallest minimal hitting sets, and whether there are more.

    A set is an int whose bits are its members. A hitting set has a member in common with every
    set of the family; it is minimal when no member can be left out. They come by size, then by
    their members, lowest first. Of an empty family the empty set is the only one; a family with
    an empty set has none.
    """
    masks = sorted(set(family), key=lambda mask: (mask.bit_count(), mask))
    least: list[int] = []
    for mask in masks:  # a set that contains another is hit whenever that one is
        if not any(smaller & mask == smaller for smaller in least):
            least.append(mask)
    if least and not least[0]:
        return [], False
    found: list[int] = []
    members = 0
    for mask in least:
        members |= mask
    for size in range(members.bit_count() + 1):
        same_size: set[int] = set()
        _extend(least, 0, 0, size, same_size)
        found.extend(sorted(same_size, key=lambda mask: list(bits(mask))))
        if len(found) > most:
            break
    return found[:most], len(found) > most


def _extend(family: list[int], chosen: int, barred: int, size: int, found: set[int]) -> None:
    """Add to ``found`` the minimal hitting sets with ``size`` more members and none barred."""
    missed = next((mask for mask in family if not mask & chosen), None)
    if missed is None:
        if size == 0 and _is_minimal(family, chosen):
            found.add(chosen)
        return
    if size == 0:
        return
    for member in bits(missed & ~barred):
        _extend(family, chosen | 1 << member, barred, size - 1, found)
        barred |= 1 << member  # sets with this member have all been seen


def _is_minimal(family: list[int], chosen: int) -> bool:
    """Every member alone hits some set of the family."""
    alone = 0
    for mask in family:
        met = mask & chosen
        if met & (met - 1) == 0:
            alone |= met
    return alone == chosen
