"""Private units that others have, as bitsets: what ``occupied`` and ``cleaning`` say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelter_solver.problem import Party, Sharing

if TYPE_CHECKING:
    from shelter_solver.world import World


class Taken:
    """Bit *n* stands for ``world.fits.units[n]``. Shared units are never among them."""

    def __init__(self, world: World) -> None:
        number = world.fits.number
        self.codes = world.fits.codes
        #: (party, bit of the unit, first night, end night, nights of cleaning)
        self.stays: list[tuple[str, int, int, int, int]] = []
        for unit_id, there in world.stays_in.items():
            unit = world.units[unit_id]
            if unit.sharing is Sharing.PRIVATE:
                bit, gap = 1 << number[unit_id], unit.cleaning_nights
                for party, stay in there:
                    self.stays.append((party.id, bit, stay.first_night, stay.end_night, gap))
        self._known: dict[tuple[str | None, int, int], tuple[int, int]] = {}

    def by_others(self, party: Party | None, first: int, end: int) -> tuple[int, int]:
        """Units that somebody else is in, and units that must be cleaned, in these nights.

        Of None everybody is somebody else.
        """
        own = None if party is None else party.id
        key = (own, first, end)
        if key not in self._known:
            occupied = cleaning = 0
            for who, bit, begin, until, gap in self.stays:
                if begin < end + gap and first < until + gap and who != own:
                    if gap:
                        cleaning |= bit
                    if begin < end and first < until:
                        occupied |= bit
            self._known[key] = (
                occupied if "occupied" in self.codes else 0,
                cleaning if "cleaning" in self.codes else 0,
            )
        return self._known[key]

    def units(self, party: Party | None, first: int, end: int) -> int:
        """The units that the party cannot have in these nights."""
        occupied, cleaning = self.by_others(party, first, end)
        return occupied | cleaning
