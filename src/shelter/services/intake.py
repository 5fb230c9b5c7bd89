"""Requests: what a worker says about the people who need a place. No name is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlmodel import col

from shelter.db.session import lock_request
from shelter.db.tables import AuditEntry, PlacementRow, Request, SeparationRow
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed, Stale
from shelter.domain.free_text import MAX_NOTE, known_names, text_problems
from shelter.domain.household import MAX_PER_KIND, Household, Language, Person
from shelter.domain.requests import STATED_OUTCOMES, TURNED_AWAY, Outcome, RequestState, Urgency
from shelter.domain.sides import Role
from shelter.services import audit
from shelter.services.alerts import raise_alert
from shelter.services.codes import unused_code
from shelter.services.context import Tx, found
from shelter.services.paging import Place, newest_first
from shelter.services.person_messages import drop_waiting

#: what a case reference looks like
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{3,39}")
MAX_DISTANCE_KM = 100


@dataclass(frozen=True, slots=True)
class PlaceOnMap:
    """A point by commune (its centre) or by coordinates, with a radius in kilometres."""

    commune: str | None = None
    lat: float | None = None
    lon: float | None = None
    radius_km: float = 0.0


@dataclass(frozen=True, slots=True)
class KeptApart:
    """Everybody of another case, named by the reference that the services share."""

    case_reference: str
    min_distance_km: float | None = None


@dataclass(frozen=True, slots=True)
class RequestInput:
    people: Mapping[Person, int]
    #: None: tonight
    first_night: date | None = None
    nights: int = 7
    arrival_hour: int | None = None
    urgency: Urgency = Urgency.TONIGHT
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    pregnancy: bool = False
    own_transport: bool = False
    languages: tuple[Language, ...] = ()
    min_supervision: int = 0
    own_cots: int = 0
    may_use_two_units: bool = False
    may_change_unit: bool = False
    move_agreement: str = "none"
    avoid_communes: tuple[str, ...] = ()
    avoid_sites: tuple[UUID, ...] = ()
    avoid_zones: tuple[PlaceOnMap, ...] = ()
    keep_apart: tuple[KeptApart, ...] = ()
    prefer_communes: tuple[str, ...] = ()
    prefer_near: tuple[PlaceOnMap, ...] = ()
    case_reference: str | None = None
    #: a few words for colleagues about the stay, never about who somebody is
    note: str | None = None


def ask(tx: Tx, given: RequestInput) -> Request:
    """Record that somebody needs a place. Raises Invalid with every wrong field."""
    actor = tx.actor
    if actor.role is not Role.ON_CALL or actor.side is None or actor.service is None:
        raise NotAllowed("not_allowed")
    first_night = given.first_night or tx.tonight
    _check(tx, given, first_night)
    request_id = uuid4()
    assert actor.user_id is not None
    places = {
        "zones": [
            {**_point(tx, zone), "radius_m": zone.radius_km * 1000} for zone in given.avoid_zones
        ],
        "near": [_point(tx, near) for near in given.prefer_near],
    }
    request = Request(
        id=request_id,
        side=actor.side,
        code=unused_code(tx.session, col(Request.code)),
        state=RequestState.OPEN,
        service=actor.service,
        created_by=actor.user_id,
        created_at=tx.now,
        case_hash=tx.keyring.case_hash(given.case_reference) if given.case_reference else None,
        household={person.value: n for person, n in sorted(given.people.items()) if n},
        first_night=first_night,
        nights=given.nights,
        arrival_hour=given.arrival_hour,
        urgency=int(given.urgency),
        step_free=given.step_free,
        pets=given.pets,
        quiet=given.quiet,
        pregnancy=given.pregnancy,
        own_transport=given.own_transport,
        languages=[language.value for language in given.languages],
        min_supervision=given.min_supervision,
        own_cots=given.own_cots,
        may_use_two_units=given.may_use_two_units,
        may_change_unit=given.may_change_unit,
        move_agreement=given.move_agreement,
        avoid_communes=sorted(set(given.avoid_communes)),
        avoid_sites=sorted({str(site) for site in given.avoid_sites}),
        prefer_communes=sorted(set(given.prefer_communes)),
        places=tx.keyring.encrypt("request", request_id, "places", json.dumps(places)),
        note=_sealed_note(tx, request_id, given.note),
    )
    tx.session.add(request)
    tx.session.flush()
    for apart in given.keep_apart:
        distance = apart.min_distance_km
        tx.session.add(
            SeparationRow(
                request_id=request.id,
                side=request.side,
                other_case_hash=tx.keyring.case_hash(apart.case_reference),
                min_distance_m=tx.network.defaults.separation_m
                if distance is None
                else distance * 1000,
            )
        )
    tx.record(
        "request.ask",
        f"request:{request.id}",
        side=request.side,
        request_id=request.id,
        nights=request.nights,
    )
    return request


@dataclass(frozen=True, slots=True)
class Amendment:
    """What may change once a request is made; None leaves it.

    An avoided commune may be taken off, as the person agreed, and the record says which; zones,
    sites and separations may not.
    """

    first_night: date | None = None
    nights: int | None = None
    arrival_hour: int | None = None
    urgency: Urgency | None = None
    avoid_communes: tuple[str, ...] | None = None
    prefer_communes: tuple[str, ...] | None = None
    own_cots: int | None = None
    may_use_two_units: bool | None = None
    may_change_unit: bool | None = None
    move_agreement: str | None = None
    #: "" takes it away
    note: str | None = None


def amend(tx: Tx, request_id: UUID, change: Amendment, version: int) -> Request:
    """Change an open request, as the person agreed. Raises Stale over somebody else's edit."""
    request = own_request(tx, request_id)
    if request.version != version:
        raise Stale("stale")
    if request.state is RequestState.CLOSED:
        raise Conflict("request_closed")
    if tx.rows.live_placement_of(request.id) is not None:
        raise Conflict("request_has_placement")
    given = {
        name: value
        for name in Amendment.__dataclass_fields__
        if (value := getattr(change, name)) is not None
    }
    people = {Person(kind): count for kind, count in request.household.items()}
    first_night = change.first_night or max(request.first_night, tx.tonight)
    _check(
        tx,
        RequestInput(
            people=people,
            nights=request.nights if change.nights is None else change.nights,
            arrival_hour=change.arrival_hour,
            own_cots=change.own_cots or 0,
            move_agreement=request.move_agreement
            if change.move_agreement is None
            else change.move_agreement,
            avoid_communes=change.avoid_communes or (),
            prefer_communes=change.prefer_communes or (),
            note=change.note,
        ),
        first_night,
    )
    no_longer = sorted(
        set(request.avoid_communes) - set(given.get("avoid_communes", request.avoid_communes))
    )
    for name, value in given.items():
        if isinstance(value, tuple):
            value = sorted(set(value))
        if name == "note":
            value = _sealed_note(tx, request.id, value)
        setattr(request, name, int(value) if isinstance(value, Urgency) else value)
    request.version += 1
    tx.session.add(request)
    tx.record(
        "request.amend",
        f"request:{request.id}",
        side=request.side,
        request_id=request.id,
        changed=sorted(given),
        no_longer_avoided=no_longer,
    )
    return request


def readable_request(tx: Tx, request_id: UUID, *, for_update: bool = False) -> Request:
    """The request, if the actor may read it: its own service, or a coordinator."""
    request: Request = found(tx.rows.get(Request, request_id, for_update=for_update), "request")
    if tx.actor.role is not Role.COORDINATOR and request.service != tx.actor.service:
        found(None, "request")
    return request


def own_request(tx: Tx, request_id: UUID) -> Request:
    """The request, locked, if the actor works on it: an on-call worker of its service."""
    if tx.actor.role is not Role.ON_CALL:
        raise NotAllowed("not_allowed")
    readable_request(tx, request_id)  # nobody waits for what is not theirs
    lock_request(tx.session, request_id)
    return readable_request(tx, request_id, for_update=True)


def list_requests(
    tx: Tx, *, state: RequestState | None = None, after: Place | None = None, limit: int = 100
) -> Sequence[Request]:
    """The requests of the actor's service (a coordinator: of all), newest first."""
    query = tx.rows.select(Request)
    if tx.actor.role is not Role.COORDINATOR:
        query = query.where(col(Request.service) == tx.actor.service)
    if state is not None:
        query = query.where(col(Request.state) == state)
    return newest_first(
        tx.session, query, col(Request.created_at), col(Request.id), after=after, limit=limit
    )


def close(tx: Tx, request_id: UUID, outcome: Outcome) -> Request:
    """End a request without a stay. A turn-away is counted, and told to the coordinator."""
    request = own_request(tx, request_id)
    if outcome not in STATED_OUTCOMES:
        raise Invalid(FieldProblem("outcome", "choice"))
    if request.state is RequestState.CLOSED:
        raise Conflict("request_closed")
    if tx.rows.live_placement_of(request.id) is not None:
        raise Conflict("request_has_placement")
    request.state, request.outcome, request.closed_at = RequestState.CLOSED, outcome, tx.now
    drop_waiting(tx, request.id)
    request.version += 1
    tx.session.add(request)
    tx.record(
        "request.close",
        f"request:{request.id}",
        side=request.side,
        request_id=request.id,
        outcome=outcome.value,
    )
    if outcome in TURNED_AWAY:
        raise_alert(
            tx,
            AlertKind.NO_PLACE_FOUND,
            tx.network.coordinator,
            request,
            occasion=f"no_place:{request.id}",
        )
    return request


def note_of(tx: Tx, request: Request) -> str | None:
    """The note, decrypted; the caller has checked who reads it."""
    if request.note is None:
        return None
    return tx.keyring.decrypt("request", request.id, "note", request.note)


def household_of(request: Request) -> Household:
    people = {Person(kind): count for kind, count in request.household.items()}
    return Household(people, request.own_cots)


def placements_of(tx: Tx, request: Request) -> Sequence[PlacementRow]:
    return tx.rows.placements_of(request.id)


def history(tx: Tx, request_id: UUID) -> Sequence[AuditEntry]:
    """What was done about a request, oldest first."""
    request = readable_request(tx, request_id)
    return audit.history(tx.session, request.id, tx.actor)


def _sealed_note(tx: Tx, request_id: UUID, note: str | None) -> bytes | None:
    words = (note or "").strip()
    return tx.keyring.encrypt("request", request_id, "note", words) if words else None


def _point(tx: Tx, place: PlaceOnMap) -> dict[str, float]:
    if place.lat is not None and place.lon is not None:
        return {"lat": place.lat, "lon": place.lon}
    centre = tx.network.commune(place.commune or "").centre
    return {"lat": centre.lat, "lon": centre.lon}


def _check(tx: Tx, given: RequestInput, first_night: date) -> None:
    problems: list[FieldProblem] = []
    defaults = tx.network.defaults
    for person, count in given.people.items():
        if not 0 <= count <= MAX_PER_KIND:
            problems.append(
                FieldProblem(f"people.{person}", "range", (("min", 0), ("max", MAX_PER_KIND)))
            )
    if Household(given.people).size < 1:
        problems.append(FieldProblem("people", "nobody"))
    last = tx.tonight + timedelta(days=defaults.horizon_nights - 1)
    if not tx.tonight <= first_night <= last:
        problems.append(
            FieldProblem(
                "first_night",
                "night_between",
                (("first", tx.tonight.isoformat()), ("last", last.isoformat())),
            )
        )
    elif not 1 <= given.nights <= (last - first_night).days + 1:
        problems.append(
            FieldProblem("nights", "range", (("min", 1), ("max", (last - first_night).days + 1)))
        )
    if given.arrival_hour is not None and not 0 <= given.arrival_hour <= 23:
        problems.append(FieldProblem("arrival_hour", "range", (("min", 0), ("max", 23))))
    if not 0 <= given.own_cots <= MAX_PER_KIND:
        problems.append(FieldProblem("own_cots", "range", (("min", 0), ("max", MAX_PER_KIND))))
    if not 0 <= given.min_supervision <= 3:
        problems.append(FieldProblem("min_supervision", "range", (("min", 0), ("max", 3))))
    if given.move_agreement not in {"none", "party", "service"}:
        problems.append(FieldProblem("move_agreement", "choice"))
    known = {commune.nis for commune in tx.network.communes}
    for name, communes in (
        ("avoid_communes", given.avoid_communes),
        ("prefer_communes", given.prefer_communes),
    ):
        problems.extend(
            FieldProblem(f"{name}.{number}", "unknown_commune")
            for number, nis in enumerate(communes)
            if nis not in known
        )
    visible = {site.id for site in tx.rows.sites()}
    problems.extend(
        FieldProblem(f"avoid_sites.{number}", "unknown_site")
        for number, site in enumerate(given.avoid_sites)
        if site not in visible
    )
    for name, places in (("avoid_zones", given.avoid_zones), ("prefer_near", given.prefer_near)):
        for number, place in enumerate(places):
            problems.extend(_place_problems(f"{name}.{number}", place, known))
            if name == "avoid_zones" and place.radius_km == 0:
                problems.append(FieldProblem(f"{name}.{number}.radius_km", "radius"))
    for name, items in (
        ("avoid_communes", given.avoid_communes),
        ("avoid_sites", given.avoid_sites),
        ("avoid_zones", given.avoid_zones),
        ("keep_apart", given.keep_apart),
        ("prefer_communes", given.prefer_communes),
        ("prefer_near", given.prefer_near),
        ("languages", given.languages),
    ):
        if len(items) > 100:
            problems.append(FieldProblem(name, "too_many", (("max", 100),)))
    for number, apart in enumerate(given.keep_apart):
        if not REFERENCE.fullmatch(apart.case_reference.strip()):
            problems.append(FieldProblem(f"keep_apart.{number}.case_reference", "reference"))
        distance = apart.min_distance_km
        if distance is not None and not 0 <= distance <= MAX_DISTANCE_KM:
            problems.append(
                FieldProblem(
                    f"keep_apart.{number}.min_distance_km",
                    "range",
                    (("min", 0), ("max", MAX_DISTANCE_KM)),
                )
            )
    if given.case_reference is not None and not REFERENCE.fullmatch(given.case_reference.strip()):
        problems.append(FieldProblem("case_reference", "reference"))
    if given.note is not None:
        problems.extend(_note_problems(tx, given.note))
    if problems:
        raise Invalid(*problems)


def _note_problems(tx: Tx, note: str) -> list[FieldProblem]:
    if len(note.strip()) > MAX_NOTE or not note.replace("\n", " ").replace("\r", " ").isprintable():
        return [FieldProblem("note", "length", (("min", 0), ("max", MAX_NOTE)))]
    names = known_names(tx.network)
    return text_problems("note", note, known=names, language=tx.actor.language)


def _place_problems(field: str, place: PlaceOnMap, known: set[str]) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if place.commune is not None and place.commune not in known:
        problems.append(FieldProblem(f"{field}.commune", "unknown_commune"))
    if place.commune is None and (place.lat is None or place.lon is None):
        problems.append(FieldProblem(field, "commune_or_point"))
    if place.lat is not None and not 49 <= place.lat <= 52:
        problems.append(FieldProblem(f"{field}.lat", "range", (("min", 49), ("max", 52))))
    if place.lon is not None and not 2 <= place.lon <= 7:
        problems.append(FieldProblem(f"{field}.lon", "range", (("min", 2), ("max", 7))))
    if not 0 <= place.radius_km <= MAX_DISTANCE_KM:
        problems.append(
            FieldProblem(f"{field}.radius_km", "range", (("min", 0), ("max", MAX_DISTANCE_KM)))
        )
    return problems
