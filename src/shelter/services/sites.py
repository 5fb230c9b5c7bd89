"""Sites: what there is, run by whom, and for whom. Where they are is in ``locations``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shelter.db.rows import Rows
from shelter.db.session import lock_units
from shelter.db.tables import Site, Unit
from shelter.domain.errors import FieldProblem, Invalid, NotAllowed, Stale
from shelter.domain.free_text import IN_PLACE, text_problems
from shelter.domain.network_file import PLACE_KINDS
from shelter.domain.sides import BOTH_SIDES, Actor, Role, Side, other_side
from shelter.services.accounts import acts_on
from shelter.services.context import Tx, found
from shelter.services.locations import Location as Location
from shelter.services.locations import location_of as location_of
from shelter.services.locations import sealed
from shelter.services.zoning import open_site


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
    """Change a site. Its side never changes here. A moved perpetrator site waits for approval.

    Moved is everything that zoning looks at: the point, and the shared places.
    """
    site = locked_site(tx, site_id)
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
    site = locked_site(tx, site_id)
    if site.opened_at is None:
        open_site(tx, site)
        site.version += 1
    return site


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


def locked_site(tx: Tx, site_id: UUID) -> Site:
    """The site that the actor runs, locked with its units."""
    managed_site(tx, site_id)
    lock_whole(tx, site_id)
    return managed_site(tx, site_id)


def lock_whole(tx: Tx, site_id: UUID) -> Site:
    """The site, locked with its units, so that nothing of it is given out meanwhile.

    Units before the site, as a hold has them. A unit that was added in between is locked after.
    """
    known: set[UUID] = set()
    while True:
        new = {unit.id for unit in tx.rows.units([site_id])} - known
        lock_units(tx.session, new)
        site: Site = found(tx.rows.get(Site, site_id, for_update=True), "site")
        if not new:
            return site
        known |= new


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
    assert given.lat is not None  # as checked
    assert given.lon is not None
    location = Location(given.address, given.lat, given.lon, given.places)
    site.location = sealed(tx, site.id, location)


def _check_site(tx: Tx, given: SiteInput, service: str | None) -> None:
    problems: list[FieldProblem] = []
    if not 1 <= len(given.name.strip()) <= 60:
        problems.append(FieldProblem("name", "length", (("min", 1), ("max", 60))))
    if not 3 <= len(given.address.strip()) <= 200:
        problems.append(FieldProblem("address", "length", (("min", 3), ("max", 200))))
    if len(given.description) > 300:
        problems.append(FieldProblem("description", "length", (("min", 0), ("max", 300))))
    # both stand in lists: an address there would undo what is encrypted
    for name, text in (("name", given.name), ("description", given.description)):
        problems.extend(text_problems(name, text, IN_PLACE))
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
