"""What a promised place makes known: to the worker, the site and the police, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from shelter.db.tables import PlacementRow, Request, Site, User
from shelter.domain.alerts import AlertKind
from shelter.domain.sides import Side
from shelter.services.addresses import remember
from shelter.services.alerts import raise_alert, victim_assistance_of
from shelter.services.context import Tx
from shelter.services.lifecycle import sites_of
from shelter.services.outbox import queue


def promise(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Queue what a confirmed placement must tell, in the transaction that confirms it."""
    worker = tx.session.get(User, placement.confirmed_by or placement.held_by)
    if worker is not None and worker.phone:
        queue(
            tx,
            "sms.placement_confirmed",
            to=worker.phone,
            language=worker.language,
            reference=request.code,
            side=request.side,
            service=request.service,
            request_id=request.id,
        )
    tell_sites(tx, request, sites_concerned(tx, placement), "sms.placement_expected")
    tell_police(tx, placement, request, f"confirmed:{placement.id}")
    remember(tx, placement, request)


def tell_police(tx: Tx, placement: PlacementRow, request: Request, occasion: str) -> None:
    """Alert the victim assistance of the service's police zone to where somebody is now."""
    kind = (
        AlertKind.PLACEMENT_CONFIRMED
        if request.side is Side.VICTIMS
        else AlertKind.PERPETRATOR_PLACED
    )
    for service in victim_assistance_of(tx, request.service):
        raise_alert(tx, kind, service.key, request, placement=placement, occasion=occasion)


def tell_sites(
    tx: Tx,
    request: Request,
    sites: Iterable[Site],
    template: str,
) -> None:
    """Queue an SMS to the contact of each site, once a phone."""
    told: set[str] = set()
    for site in sites:
        if site.contact_phone is None or site.contact_phone in told:
            continue
        told.add(site.contact_phone)
        queue(
            tx,
            template,
            to=site.contact_phone,
            language=site.contact_language,
            reference=request.code,
            side=request.side,
            service=site.service,
            request_id=request.id,
        )


def sites_concerned(tx: Tx, placement: PlacementRow) -> list[Site]:
    """The sites of a placement, each once, first stays first."""
    return list({site.id: site for _, site in sites_of(tx, placement)}.values())
