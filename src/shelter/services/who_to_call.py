"""Whom to call when a step fails: who knows the place, who coordinates, who else may help.

All of it is configuration or of the reader's own side, so it says nothing across the wall.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shelter.db.tables import Site
from shelter.domain.network import Fallback, Network
from shelter.domain.sides import Side
from shelter.services.context import Tx


class Why(StrEnum):
    SITE = "site"
    COORDINATOR = "coordinator"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Contact:
    why: Why
    name: str
    phone: str | None


def who_to_call(tx: Tx, side: Side, sites: Iterable[Site] = ()) -> tuple[Contact, ...]:
    """The contacts of ``sites``, the coordinator's duty phone, who helps this side elsewhere."""
    network = tx.network
    known = {site.id: site for site in sites if site.contact_phone}
    contacts = [Contact(Why.SITE, site.name, site.contact_phone) for site in known.values()]
    phone = tx.duty_phone(network.coordinator)
    if phone is not None:
        name = network.service(network.coordinator).name
        contacts.append(Contact(Why.COORDINATOR, name, phone))
    contacts += [Contact(Why.ELSEWHERE, f.name, f.phone) for f in fallbacks_for(network, side)]
    return tuple(contacts)


def fallbacks_for(network: Network, side: Side) -> tuple[Fallback, ...]:
    """Where to turn when nothing in the network fits, in the order of the network file."""
    return tuple(
        fallback
        for fallback in network.fallbacks
        if (fallback.for_victims if side is Side.VICTIMS else fallback.for_perpetrators)
    )
