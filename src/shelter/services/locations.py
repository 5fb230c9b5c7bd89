"""Where a site is, in all its forms: one value, stored encrypted and tied to its row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from shelter.db.tables import Site
from shelter.services.context import Tx
from shelter_solver import problem as model


@dataclass(frozen=True, slots=True)
class Location:
    """Where a site is. Equal when zoning and people find the same place."""

    address: str
    lat: float
    lon: float
    #: shared places, ``kind:name``
    places: tuple[str, ...] = ()


def sealed(tx: Tx, site_id: UUID, location: Location) -> bytes:
    """The encrypted form of where a site is."""
    data = {
        "address": location.address.strip(),
        "lat": location.lat,
        "lon": location.lon,
        "places": _plain(location.places),
    }
    return tx.keyring.encrypt("site", site_id, "location", json.dumps(data))


def location_of(tx: Tx, site: Site) -> Location:
    """Decrypt where a site is. For calculations, and for the one page that reveals it."""
    data = json.loads(tx.keyring.decrypt("site", site.id, "location", site.location))
    return Location(data["address"], data["lat"], data["lon"], tuple(_plain(data["places"])))


def location_mark(tx: Tx, site: Site) -> str:
    """Another one when the site has moved; without the key nobody tries out where it may be."""
    location = location_of(tx, site)
    where = json.dumps([str(site.id), location.lat, location.lon, location.places])
    return tx.keyring.keyed_hash(f"location|{where}")


def solver_site(tx: Tx, site: Site) -> model.Site:
    location = location_of(tx, site)
    return model.Site(
        id=str(site.id),
        audience=site.side,
        commune=site.commune,
        point=model.Point(location.lat, location.lon),
        places=frozenset(location.places),
    )


def _plain(places: tuple[str, ...] | list[str]) -> list[str]:
    """Sorted, in one spelling: the same bus line must be the same whoever typed it."""
    return sorted({" ".join(place.casefold().split()) for place in places})
