"""Sites and units: what there is, where (encrypted), and for whom."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from shelter.db.rows import Rows
from shelter.db.session import lock_units
from shelter.db.tables import NetworkRow, Site, Unit
from shelter.domain.availability import Sharing
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed, Stale
from shelter.domain.household import EVERYONE, Person
from shelter.domain.network_file import PLACE_KINDS
from shelter.domain.sides import BOTH_SIDES, Actor, Role, Side, other_side
from shelter.services.access import acts_on
from shelter.services.codes import unused_code
from shelter.services.context import Tx, found
from shelter_solver import problem as model
from shelter_solver.verify import zoning_conflicts

#: what may not change of a unit while somebody is in it or is promised it
_PROMISED = ("beds", "cots", "sharing", "admits")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a site is, in all its forms. Stored encrypted, as one."""

    address: str
    lat: float
    lon: float
    #: shared places, ``kind:name``
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteInput:
    name: str
    commune: str
    address: str
    #: WGS84 degrees; None is refused, but a form may come without
    lat: float | None = None
    lon: float | None = None
    places: tuple[str, ...] = ()
    contact_phone: str | None = None
    contact_language: str = "fr"
    description: str = ""


@dataclass(frozen=True, slots=True)
class UnitInput:
    label: str
    beds: int
    cots: int = 0
    sharing: Sharing = Sharing.PRIVATE
    admits: frozenset[Person] = EVERYONE
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    supervision: int = 0
    intake_from: int = 0
    intake_until: int = 0
    cleaning_nights: int = 0
    max_stay_nights: int | None = None
    renewals: int = 0


@dataclass(frozen=True, slots=True)
class SiteView:
    site: Site
    units: tuple[Unit, ...] = field(default=())


def add_site(
    tx: Tx, given: SiteInput, *, side: Side | None = None, service: str | None = None
) -> Site:
    """Add a site for the actor's side and service (a coordinator names both).

    On the victim side it opens at once when the zoning rule permits. On the perpetrator side every
    new site waits for a coordinator, whatever is near: the answer must not depend on victim sites.
    """
    if tx.actor.role not in {Role.COMMUNE_STAFF, Role.COORDINATOR, None}:  # None: the system
        raise NotAllowed("not_allowed")
    side = _side_of(tx.actor, side)
    service = tx.actor.service if tx.actor.role is Role.COMMUNE_STAFF else service
    _check_site(tx, given, service)
    # asked for a two-sided actor only: a one-sided one's service was settled with the account, and
    # no answer to the perpetrator side may look at victim-side rows
    if tx.actor.sides == BOTH_SIDES and acts_on(tx, service, other_side(side)):
        raise Invalid(FieldProblem("service", "service_other_side"))
    assert service is not None
    site = Site(
        side=side,
        name=given.name.strip(),
        commune=given.commune,
        service=service,
        location=b"",
        contact_phone=given.contact_phone,
        contact_language=given.contact_language,
        description=given.description.strip(),
        created_at=tx.now,
    )
    _place(tx, site, given)
    tx.session.add(site)
    tx.session.flush()
    tx.record("site.add", f"site:{site.id}", side=side, commune=site.commune)
    if side is Side.VICTIMS or tx.actor.sides == BOTH_SIDES:
        open_site(tx, site)
    return site


def edit_site(tx: Tx, site_id: UUID, given: SiteInput, version: int) -> Site:
    """Change a site. Its side never changes here. A moved perpetrator site waits for approval."""
    site = managed_site(tx, site_id, for_update=True)
    if site.version != version:
        raise Stale("stale")
    _check_site(tx, given, site.service)
    before = location_of(tx, site)
    if given.commune != site.commune and (given.lat, given.lon) == (before.lat, before.lon):
        # the point would be the old commune's, and every distance wrong
        raise Invalid(FieldProblem("lat", "point_of_old_commune"))
    site.name, site.commune = given.name.strip(), given.commune
    site.contact_phone, site.contact_language = given.contact_phone, given.contact_language
    site.description = given.description.strip()
    _place(tx, site, given)
    site.version += 1
    tx.session.add(site)
    tx.record("site.edit", f"site:{site.id}", side=site.side)
    if location_of(tx, site) != before:
        site.opened_at = None
        tx.session.flush()
        if site.side is Side.VICTIMS or tx.actor.sides == BOTH_SIDES:
            open_site(tx, site)
    return site


def approve_site(tx: Tx, site_id: UUID) -> Site:
    """A coordinator opens a site that waits; zoning is explained to them if it is in the way."""
    if tx.actor.role not in {Role.COORDINATOR, None}:  # None: the system itself
        raise NotAllowed("not_allowed")
    site: Site = found(tx.rows.get(Site, site_id, for_update=True), "site")
    if site.opened_at is None:
        open_site(tx, site)
        site.version += 1
    return site


def open_site(tx: Tx, site: Site) -> None:
    """Let a site be given out. Raises Conflict while it breaks the zoning rule."""
    # the row that states the rule is its lock: two sites that are opened in the same moment would
    # not see each other
    tx.session.get(NetworkRow, 1, with_for_update=True)
    site.opened_at = tx.now
    tx.session.add(site)
    tx.session.flush()
    # read again: a newer edition may have been loaded while this waited
    refuse_zoning_conflicts(tx, tx.system.network(tx.session).zoning, only=site)
    tx.record("site.open", f"site:{site.id}", side=site.side)


def refuse_zoning_conflicts(tx: Tx, zoning: model.Zoning, *, only: Site | None = None) -> None:
    """Raise Conflict when an open victim site and an open perpetrator site are too close.

    Which one, and why, is told to two-sided users alone.
    """
    everywhere = Rows(tx.session, BOTH_SIDES).sites(opened=True)
    names = {str(site.id): site.name for site in everywhere}
    placed = [solver_site(tx, site) for site in everywhere]
    for first, second, _why in zoning_conflicts(placed, zoning):
        if only is not None and str(only.id) not in (first, second):
            continue
        if tx.actor.sides == BOTH_SIDES:
            raise Conflict("zoning", first=names[first], second=names[second])
        raise Conflict("zoning_unexplained")


def add_unit(tx: Tx, site_id: UUID, given: UnitInput) -> Unit:
    site = managed_site(tx, site_id)
    _check_unit(given)
    unit = Unit(
        site_id=site.id,
        side=site.side,
        code=unused_code(tx.session, col(Unit.code)),
        **_unit_columns(given),
        confirmed_at=tx.now,
        confirmed_by=tx.actor.user_id,
    )
    _save_unit(tx, unit)
    tx.record("unit.add", f"unit:{unit.id}", side=site.side, label=unit.label)
    return unit


def edit_unit(tx: Tx, unit_id: UUID, given: UnitInput, version: int) -> Unit:
    lock_units(tx.session, [unit_id])
    unit = managed_unit(tx, unit_id, for_update=True)
    if unit.version != version:
        raise Stale("stale")
    _check_unit(given)
    columns = _unit_columns(given)
    # who was promised a place was promised this one: what it holds, and for whom
    promised = tx.rows.occupied([unit.id], tx.tonight, date.max)
    if promised and any(getattr(unit, name) != columns[name] for name in _PROMISED):
        raise Conflict("unit_is_promised")
    for name, value in columns.items():
        setattr(unit, name, value)
    unit.version += 1
    _save_unit(tx, unit)
    tx.record("unit.edit", f"unit:{unit.id}", side=unit.side, label=unit.label)
    return unit


def list_sites(tx: Tx) -> tuple[SiteView, ...]:
    """The sites that the actor may see: staff their service's, others all of their sides."""
    service = tx.actor.service if tx.actor.role is Role.COMMUNE_STAFF else None
    sites = tx.rows.sites(service=service)
    units = _units_by_site(tx.rows, [site.id for site in sites])
    return tuple(SiteView(site, tuple(units.get(site.id, ()))) for site in sites)


def site_view(tx: Tx, site_id: UUID) -> SiteView:
    site: Site = found(tx.rows.get(Site, site_id), "site")
    if tx.actor.role is Role.COMMUNE_STAFF and site.service != tx.actor.service:
        found(None, "site")
    return SiteView(site, tuple(tx.rows.units([site.id])))


def managed_site(tx: Tx, site_id: UUID, *, for_update: bool = False) -> Site:
    """The site, if the actor runs it: its service's staff, or a coordinator."""
    site: Site = found(tx.rows.get(Site, site_id, for_update=for_update), "site")
    if tx.actor.role in {Role.COORDINATOR, None}:  # None: the system itself
        return site
    if tx.actor.role is not Role.COMMUNE_STAFF:
        raise NotAllowed("not_allowed")
    if site.service != tx.actor.service:
        found(None, "site")
    return site


def managed_unit(tx: Tx, unit_id: UUID, *, for_update: bool = False) -> Unit:
    unit: Unit = found(tx.rows.get(Unit, unit_id, for_update=for_update), "unit")
    if unit.retired:
        found(None, "unit")
    managed_site(tx, unit.site_id)
    return unit


def location_of(tx: Tx, site: Site) -> Location:
    """Decrypt where a site is. For calculations, and for the one page that reveals it."""
    data = json.loads(tx.keyring.decrypt("site", site.id, "location", site.location))
    return Location(data["address"], data["lat"], data["lon"], tuple(data["places"]))


def solver_site(tx: Tx, site: Site) -> model.Site:
    location = location_of(tx, site)
    return model.Site(
        id=str(site.id),
        audience=site.side,
        commune=site.commune,
        point=model.Point(location.lat, location.lon),
        places=frozenset(location.places),
    )


def _units_by_site(rows: Rows, site_ids: Sequence[UUID]) -> dict[UUID, list[Unit]]:
    grouped: dict[UUID, list[Unit]] = {}
    for unit in rows.units(site_ids):
        grouped.setdefault(unit.site_id, []).append(unit)
    return grouped


def _side_of(actor: Actor, named: Side | None) -> Side:
    if actor.side is not None:
        return actor.side
    if named is None:
        raise Invalid(FieldProblem("side", "missing"))
    return named


def _place(tx: Tx, site: Site, given: SiteInput) -> None:
    data = {
        "address": given.address.strip(),
        "lat": given.lat,
        "lon": given.lon,
        "places": sorted(given.places),
    }
    site.location = tx.keyring.encrypt("site", site.id, "location", json.dumps(data))


def _check_site(tx: Tx, given: SiteInput, service: str | None) -> None:
    problems: list[FieldProblem] = []
    if not 1 <= len(given.name.strip()) <= 60:
        problems.append(FieldProblem("name", "length", (("min", 1), ("max", 60))))
    if not 3 <= len(given.address.strip()) <= 200:
        problems.append(FieldProblem("address", "length", (("min", 3), ("max", 200))))
    if len(given.description) > 300:
        problems.append(FieldProblem("description", "length", (("min", 0), ("max", 300))))
    if given.lat is None or given.lon is None:
        # the commune's centre would stand kilometres off, and no distance could be trusted
        problems.append(FieldProblem("lat" if given.lat is None else "lon", "point_needed"))
    else:
        if not 49 <= given.lat <= 52:
            problems.append(FieldProblem("lat", "range", (("min", 49), ("max", 52))))
        if not 2 <= given.lon <= 7:
            problems.append(FieldProblem("lon", "range", (("min", 2), ("max", 7))))
    if given.contact_phone is not None and not re.fullmatch(
        r"\+[1-9]\d{6,14}", given.contact_phone
    ):
        problems.append(FieldProblem("contact_phone", "phone"))
    if given.contact_language not in tx.network.languages:
        problems.append(FieldProblem("contact_language", "unknown_language"))
    problems.extend(
        FieldProblem(f"places.{number}", "place")
        for number, place in enumerate(given.places)
        if not re.fullmatch(rf"({'|'.join(PLACE_KINDS)}):[^\s:][^:]{{0,59}}", place)
    )
    if len(given.places) > 20:
        problems.append(FieldProblem("places", "too_many", (("max", 20),)))
    try:
        tx.network.commune(given.commune)
    except KeyError:
        problems.append(FieldProblem("commune", "unknown_commune"))
    try:
        tx.network.service(service or "")
    except KeyError:
        problems.append(FieldProblem("service", "unknown_service"))
    if problems:
        raise Invalid(*problems)


def _check_unit(given: UnitInput) -> None:
    problems = [
        FieldProblem(name, "range", (("min", low), ("max", high)))
        for name, value, low, high in (
            ("beds", given.beds, 1, 40),
            ("cots", given.cots, 0, 12),
            ("supervision", given.supervision, 0, 3),
            ("intake_from", given.intake_from, 0, 23),
            ("intake_until", given.intake_until, 0, 23),
            ("cleaning_nights", given.cleaning_nights, 0, 14),
            ("renewals", given.renewals, 0, 12),
            (
                "max_stay_nights",
                1 if given.max_stay_nights is None else given.max_stay_nights,
                1,
                1100,
            ),
        )
        if not low <= value <= high
    ]
    if not 1 <= len(given.label.strip()) <= 40:
        problems.append(FieldProblem("label", "length", (("min", 1), ("max", 40))))
    if not given.admits:
        problems.append(FieldProblem("admits", "missing"))
    if problems:
        raise Invalid(*problems)


def _unit_columns(given: UnitInput) -> dict[str, Any]:
    return {
        "label": given.label.strip(),
        "beds": given.beds,
        "cots": given.cots,
        "sharing": given.sharing,
        "admits": sorted(person.value for person in given.admits),
        "step_free": given.step_free,
        "pets": given.pets,
        "quiet": given.quiet,
        "supervision": given.supervision,
        "intake_from": given.intake_from,
        "intake_until": given.intake_until,
        "cleaning_nights": given.cleaning_nights,
        "max_stay_nights": given.max_stay_nights,
        "renewals": given.renewals,
    }


def _save_unit(tx: Tx, unit: Unit) -> None:
    label, site_id = unit.label, unit.site_id
    tx.session.add(unit)
    try:
        tx.session.flush()
    except IntegrityError as error:
        if "label" in str(error.orig) or "site_id" in str(error.orig):
            raise Conflict("unit_label_taken", label=label, site=str(site_id)) from None
        raise
