"""The victim side while it is attacked: somebody is placed, stays on, moves; others come and go."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from leaks.country import COMMUNES, Country, nis
from shelter.db.tables import PlacementRow, Request
from shelter.domain.errors import ShelterError
from shelter.domain.household import Person
from shelter.domain.placements import PlacementState
from shelter.domain.requests import Outcome
from shelter.domain.sides import Side
from shelter.services import intake, placements
from shelter.services.intake import KeptApart
from support.world import World

#: what the services of both sides write on the case of the victim and of the perpetrator
CASE = "LI.41.LA.4242/2026"
#: kilometres that a victim may ask to be away from the perpetrator; None is the network's 5 km
DISTANCES_KM = (None, None, 10.0, 14.0, 18.0)


@dataclass
class Victims:
    """One victim whose place is the secret, and a few others who are nobody's business either."""

    world: World
    country: Country
    chance: random.Random
    where: int = -1
    placement: PlacementRow | None = None
    others: list[PlacementRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker = self.world.user("garde.victimes")
        distance = self.chance.choice(DISTANCES_KM)
        apart = () if distance is None else (KeptApart(CASE, distance),)
        avoided = self.chance.sample(range(COMMUNES), self.chance.randrange(3))
        self.request = self._ask(
            case_reference=CASE,
            keep_apart=apart,
            avoid_communes=tuple(nis(number) for number in avoided),
        )
        self.avoided = frozenset(avoided)
        self._settle()
        for _ in range(2):
            self._another_comes()

    def between_rounds(self) -> None:
        """The person stays, stays longer, or moves: leaves the one place and is given another."""
        assert self.placement is not None
        match self.chance.choice(("stays", "extended", "moved", "moved")):
            case "extended":
                self._extend(self.placement)
            case "moved":
                row = self.world.placement(self.placement.id)
                if row.state is PlacementState.CONFIRMED:
                    self._do(placements.cancel, row)  # the request is open again
                else:
                    self._do(placements.depart, row)
                    apart = (KeptApart(CASE),)
                    self.request = self._ask(case_reference=CASE, keep_apart=apart)
                    self.avoided = frozenset()
                self._settle()

    def meanwhile(self) -> None:
        """Something happens on the victim side that moves nobody of the case."""
        act = self.chance.choice(
            (self._another_comes, self._another_goes, self._another_is_refused, self._extend_one)
        )
        with suppress(ShelterError):
            act()

    def _settle(self) -> None:
        """A place in a commune drawn among all; drawn again where the rules forbid it."""
        for commune in self.chance.sample(range(COMMUNES), COMMUNES):
            if commune in self.avoided or commune == self.where:
                continue
            row = self._place(self.request, commune)
            if row is not None:
                self.where, self.placement = commune, row
                if self.chance.random() < 0.5:
                    self._do(placements.arrive, row)
                return
        raise AssertionError("nowhere to go")

    def _place(self, request: Request, commune: int) -> PlacementRow | None:
        night = self._tonight()
        for unit in self.country.units[Side.VICTIMS][commune]:
            stay = placements.StayChoice(unit, night, night + timedelta(days=14))
            with suppress(ShelterError):
                return self.world.confirm(
                    self.worker, self.world.hold(self.worker, request, [stay])
                )
        return None

    def _another_comes(self) -> None:
        row = self._place(self._ask(), self.chance.randrange(COMMUNES))
        if row is not None:
            self.others.append(row)

    def _another_goes(self) -> None:
        if self.others:
            self._do(placements.cancel, self.others.pop())

    def _another_is_refused(self) -> None:
        request = self._ask()
        outcome = self.chance.choice((Outcome.NO_PLACE, Outcome.PERSON_DECLINED))
        self.world.do(self.worker, intake.close, request.id, outcome)

    def _extend_one(self) -> None:
        if self.others:
            self._extend(self.others[-1])

    def _extend(self, row: PlacementRow) -> None:
        now = self.world.placement(row.id)
        with suppress(ShelterError):
            self.world.do(self.worker, placements.extend, row.id, now.end_night + timedelta(days=3))

    def _do(self, act: Callable[..., object], row: PlacementRow) -> None:
        self.world.do(self.worker, act, row.id)

    def _ask(self, **given: Any) -> Request:
        return self.world.ask(
            self.worker, people={Person.WOMAN: 1, Person.CHILD: 1}, nights=14, **given
        )

    def _tonight(self) -> date:
        return self.world.system.run(self.worker, lambda tx: tx.tonight, read_only=True)
