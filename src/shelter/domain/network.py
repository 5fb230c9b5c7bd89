"""A network is data: communes, services, rules and the convention's parameters.

Static configuration, the same for both sides: an answer on the perpetrator side may depend on it.
``network_file`` reads it from TOML; the database keeps the text that was loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from shelter.domain.alerts import Escalation
from shelter.domain.orders import OrderLaw
from shelter.domain.retention import Retention
from shelter_solver.problem import Point, Zoning


class ServiceKind(StrEnum):
    CPAS = "cpas"  # public centre for social welfare
    COMMUNE = "commune"  # the municipality's housing service
    POLICE_VICTIM_ASSISTANCE = "police_victim_assistance"  # SAPV, EVA cell
    ON_CALL = "on_call"  # an on-call team shared by several services
    COORDINATION = "coordination"
    PARTNER = "partner"  # refuge, resource centre, association


@dataclass(frozen=True, slots=True)
class Commune:
    nis: str
    #: language → name; French is always there
    names: Mapping[str, str]
    postal_codes: tuple[str, ...]
    centre: Point
    population: int

    def name(self, language: str) -> str:
        return self.names.get(language) or self.names["fr"]


@dataclass(frozen=True, slots=True)
class Service:
    key: str
    kind: ServiceKind
    name: str
    commune: str | None = None  # NIS code
    #: E.164 number of the duty phone, None when the service has none
    duty_phone: str | None = None
    #: tried when nobody answers at the first
    second_phone: str | None = None
    language: str = "fr"
    #: somebody of it is to be on duty at every hour: gaps in its rota are told
    around_the_clock: bool = False


@dataclass(frozen=True, slots=True)
class PoliceZone:
    code: str
    name: str
    communes: tuple[str, ...]
    #: key of its victim-assistance service
    victim_assistance: str


@dataclass(frozen=True, slots=True)
class Fallback:
    """Where to turn when nothing in the network fits, in the order of the list."""

    name: str
    phone: str | None = None
    kind: str = "partner"
    #: sides that it can help
    for_victims: bool = True
    for_perpetrators: bool = False


@dataclass(frozen=True, slots=True)
class Defaults:
    hold: timedelta = timedelta(minutes=20)
    quiet_from: time = time(22, 0)
    quiet_until: time = time(7, 0)
    #: True: a coordinator approves *every* perpetrator placement (never only some, SAFETY.md §1)
    review_perpetrator_placements: bool = False
    #: metres a victim is kept from a perpetrator of the same case, when intake names no distance
    separation_m: float = 5000.0
    #: availability older than this is chased
    stale_after: timedelta = timedelta(hours=24)
    #: local hour at which "tonight" becomes the coming night
    night_rolls_over_at: int = 10
    #: an urgent message that has not arrived after this long: the next step is taken at once
    delivered_within: timedelta = timedelta(minutes=3)
    #: an expected arrival is missed this long after its hour
    missed_arrival_after: timedelta = timedelta(hours=3)
    #: a site changes its audience when nobody whom no case names knew it for so many days
    unlinked_address_days: int = 365
    #: how many nights the board shows and requests may reach into
    horizon_nights: int = 90


@dataclass(frozen=True, slots=True)
class Convention:
    """What the partners signed: who coordinates and how the load is shared."""

    signed_on: str | None = None
    #: commune NIS → agreed share of the nights, in any unit; empty means by population
    load_shares: Mapping[str, float] = field(default_factory=dict)
    reference_workers: int | None = None
    family_places_per_10000: float = 1.0  # Istanbul Convention, explanatory report §135


@dataclass(frozen=True, slots=True)
class Legal:
    """What people are told of the law when they ask what is held about them; the DPO's words."""

    controller: str | None = None
    #: whom to write to about one's own data
    contact: str | None = None
    basis_victims: str | None = None
    basis_perpetrators: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    key: str
    name: str
    timezone: ZoneInfo
    languages: tuple[str, ...]
    coordinator: str  # key of the coordinating service
    communes: tuple[Commune, ...]
    services: tuple[Service, ...]
    police_zones: tuple[PoliceZone, ...]
    zoning: Zoning
    defaults: Defaults
    convention: Convention
    fallbacks: tuple[Fallback, ...]
    retention: Retention = field(default_factory=Retention)
    legal: Legal = field(default_factory=Legal)
    escalation: Escalation = field(default_factory=Escalation)
    orders: OrderLaw = field(default_factory=OrderLaw)

    def commune(self, nis: str) -> Commune:
        """Raises KeyError when the network has no such commune."""
        for commune in self.communes:
            if commune.nis == nis:
                return commune
        raise KeyError(nis)

    def service(self, key: str) -> Service:
        """Raises KeyError when the network has no such service."""
        for service in self.services:
            if service.key == key:
                return service
        raise KeyError(key)

    @property
    def victim_assistance(self) -> tuple[Service, ...]:
        return tuple(s for s in self.services if s.kind is ServiceKind.POLICE_VICTIM_ASSISTANCE)
