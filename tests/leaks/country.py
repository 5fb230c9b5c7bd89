"""A country to hide in: twenty communes, in each one site of either side, SECOVA's own rules."""

from __future__ import annotations

import math
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unittest import mock
from uuid import UUID

from sqlmodel import Session, col, select

from shelter import networks
from shelter.cli import DEMO_PASSWORD
from shelter.db import migrate
from shelter.db.session import Database
from shelter.db.tables import Site, Unit
from shelter.domain.sample_file import parse_sample
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.services import demo
from shelter.services.context import Shelter, Tx
from shelter.services.networks import load_network
from support.postgres import PostgresServer
from support.world import MovableClock, World, _hashed, empty_world, keyring, settings_for

COLUMNS, ROWS = 5, 4
COMMUNES = COLUMNS * ROWS
#: kilometres from one centre to the next; a perpetrator site stands on its commune's centre
APART_KM = 12.0
#: a victim site stands so far north of it: outside the static zone of 3 km, inside the 5 km that
#: two people of one case are kept apart by
NORTH_KM = 3.6
KM_PER_DEGREE = 111.2
#: of the workers, and of the service on duty for perpetrators
PHONES = {
    "garde.victimes": "+447700970001",
    "garde.auteurs": "+447700970002",
    "sapv": "+447700970003",
    "coordination": "+447700970004",
}
DUTY_PHONE = "+447700980001"


def position(commune: int) -> tuple[int, int]:
    """Column and row; the first row is the northernmost."""
    return commune % COLUMNS, commune // COLUMNS


def neighbour(commune: int, east: int, south: int) -> int | None:
    column, row = position(commune)
    if 0 <= column + east < COLUMNS and 0 <= row + south < ROWS:
        return commune + east + south * COLUMNS
    return None


def site_phone(side: Side, commune: int) -> str:
    return f"+44770090{list(Side).index(side)}{commune:03}"


#: every telephone that somebody of the perpetrator side holds
THEIR_PHONES = {PHONES["garde.auteurs"], DUTY_PHONE} | {
    site_phone(Side.PERPETRATORS, commune) for commune in range(COMMUNES)
}


def nis(commune: int) -> str:
    return f"{60001 + commune}"


def _point(commune: int, north_km: float = 0.0) -> tuple[float, float]:
    column, row = position(commune)
    lat = 50.9 + (north_km - row * APART_KM) / KM_PER_DEGREE
    lon = 4.2 + column * APART_KM / (KM_PER_DEGREE * math.cos(math.radians(50.7)))
    return round(lat, 6), round(lon, 6)


def network_text() -> str:
    """SECOVA's zoning and defaults, over other communes."""
    rules = networks.bundled("secova").split("[[communes]]", 1)[0]
    parts = [rules]
    for number in range(COMMUNES):
        lat, lon = _point(number)
        parts.append(
            f'[[communes]]\nnis = "{nis(number)}"\nnames = {{ fr = "Commune {number:02}" }}\n'
            f'postal_codes = ["{4000 + number}"]\nlat = {lat}\nlon = {lon}\npopulation = 10000\n'
        )
    services = [
        ("coordination-secova", "coordination", None),
        ("sapv", "police_victim_assistance", None),
        ("garde-victimes", "on_call", None),
        ("garde-auteurs", "on_call", None),
        *((f"cpas-{number}", "cpas", number) for number in range(COMMUNES)),
        *((f"commune-{number}", "commune", number) for number in range(COMMUNES)),
    ]
    for key, kind, where in services:
        place = "" if where is None else f'commune = "{nis(where)}"\n'
        parts.append(f'[[services]]\nkey = "{key}"\nkind = "{kind}"\nname = "{key}"\n{place}')
    everywhere = ", ".join(f'"{nis(number)}"' for number in range(COMMUNES))
    parts.append(
        f'[[police_zones]]\ncode = "5999"\nname = "Zone"\ncommunes = [{everywhere}]\n'
        'victim_assistance = "sapv"\n'
    )
    return "\n".join(parts)


def sample_text() -> str:
    """In each commune a victim site of two units and a perpetrator site of one; workers."""
    parts = []
    for number in range(COMMUNES):
        for side, service, north, letter, labels in (
            (Side.VICTIMS, f"cpas-{number}", NORTH_KM, "V", "AB"),
            (Side.PERPETRATORS, f"commune-{number}", 0.0, "P", "A"),
        ):
            lat, lon = _point(number, north)
            parts.append(
                f'[[sites]]\nkey = "{letter.lower()}{number}"\nname = "{letter}{number:02}"\n'
                f'commune = "{nis(number)}"\naudience = "{side.value}"\nservice = "{service}"\n'
                f'contact_phone = "{site_phone(side, number)}"\n'
                f'contact_language = "fr"\naddress = "{number} rue Fictive"\n'
                f'lat = {lat}\nlon = {lon}\nplaces = ["service:{service}"]\n'
            )
            parts += [
                f'[[sites.units]]\nlabel = "{label}"\nbeds = 3\nsharing = "private"\n'
                'admits = ["everyone"]\nmax_stay_nights = 60\nrenewals = 2\ncleaning_nights = 1\n'
                for label in labels
            ]
    for login, role, who in (
        ("garde.victimes", "on_call", 'side = "victims"\nservice = "garde-victimes"'),
        ("garde.auteurs", "on_call", 'side = "perpetrators"\nservice = "garde-auteurs"'),
        ("sapv", "sapv", 'service = "sapv"'),
        ("coordination", "coordinator", 'service = "coordination-secova"'),
    ):
        parts.append(
            f'[[users]]\nlogin = "{login}"\nname = "{login}"\nrole = "{role}"\n{who}\n'
            f'language = "fr"\nphone = "{PHONES[login]}"\n'
        )
    parts.append(
        f'[duty_phones]\ngarde-auteurs = "{DUTY_PHONE}"\ngarde-victimes = "+447700980002"\n'
        'sapv = "+447700980003"\ncoordination-secova = "+447700980004"\n'
    )
    return "\n".join(parts)


@dataclass
class Country:
    """Fresh worlds, each a copy of one database that was filled once."""

    folder: Path
    postgres: PostgresServer | None = None

    def fill(self) -> None:
        """Make the database that worlds are copies of; the same identifiers in every process."""
        database, same = Database(self._new()), random.Random("country")
        try:
            migrate.upgrade(database)
            world = empty_world(database, demo=False)
            hashed = _hashed(DEMO_PASSWORD)

            def fill(tx: Tx) -> None:
                sample = parse_sample(sample_text(), tx.network, name="country.sample")
                demo.load_sample(tx, sample, DEMO_PASSWORD)

            with (
                mock.patch.object(os, "urandom", same.randbytes),
                mock.patch.object(demo, "hash_password", return_value=hashed),
            ):
                world.do(SYSTEM, load_network, network_text(), name="country")
                world.system.run(SYSTEM, fill)
            self._networks = world.system._networks
        finally:
            database.dispose()

    @contextmanager
    def world(self) -> Iterator[World]:
        database, name = self._copy()
        try:
            clock = MovableClock()
            settings = settings_for(database, demo=False)
            yield World(Shelter(settings, database, keyring(), clock, self._networks), clock)
        finally:
            database.dispose()
            if self.postgres is not None:
                self.postgres.drop_database(name)

    @cached_property
    def units(self) -> dict[Side, list[list[UUID]]]:
        """By side, then by commune: the units there. They are the same in every world."""
        with self.world() as world:

            def look(session: Session) -> dict[Side, list[list[UUID]]]:
                found: dict[Side, list[list[UUID]]] = {
                    side: [[] for _ in range(COMMUNES)] for side in Side
                }
                rows = session.exec(
                    select(Unit.id, Unit.side, Site.commune)
                    .join(Site, col(Site.id) == Unit.site_id)
                    .order_by(col(Unit.label))
                )
                for unit_id, side, commune in rows:
                    found[Side(side)][int(commune) - int(nis(0))].append(unit_id)
                return found

            return world.system.database.run(look, read_only=True, sides=BOTH_SIDES)

    def _new(self) -> str:
        if self.postgres is None:
            return f"sqlite:///{self.folder / 'country.db'}"
        self._template = self.postgres.create_database()
        return self.postgres.url(self._template)

    def _copy(self) -> tuple[Database, str]:
        if self.postgres is not None:
            name = self.postgres.create_database(self._template)
            return Database(self.postgres.url(name)), name
        copy = self.folder / "world.db"
        for old in self.folder.glob("world.db*"):
            old.unlink()
        shutil.copyfile(self.folder / "country.db", copy)
        return Database(f"sqlite:///{copy}"), copy.name
