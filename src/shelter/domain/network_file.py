"""Networks from TOML: ``parse_network`` is the door; a bad file is refused with every problem.

An administrator reads the problems at a terminal, so each says where (line and key path, list
items counted from 0), what is wrong and what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from shelter.domain.escalation import read_escalation
from shelter.domain.network import (
    Commune,
    Convention,
    Defaults,
    Fallback,
    Legal,
    Network,
    PoliceZone,
    Service,
    ServiceKind,
)
from shelter.domain.orders import read_order_law
from shelter.domain.retention import Kind, read_retention
from shelter.domain.toml_lines import shown
from shelter.domain.toml_reader import (
    Document,
    OneOf,
    Pattern,
    Table,
    read_text,
)
from shelter_solver.problem import Point, Zoning

#: languages that screens and messages exist in
LANGUAGES = ("fr", "nl", "de", "en")
#: kinds of shared place; a closed list, because a misspelt kind would silently switch a rule off
PLACE_KINDS = (
    "building",
    "entrance",
    "caretaker",
    "service",
    "bus",
    "train",
    "school",
    "workplace",
    "waiting_room",
)
FALLBACK_KINDS = (
    "cpas",
    "refuge",
    "reception_house",
    "night_shelter",
    "hotel",
    "helpline",
    "emergency",
    "partner",
)


def read_network_file(path: Path) -> Network:
    """The network in a UTF-8 file of at most 1 MB. Raises NetworkFileError."""
    return parse_network(read_text(path), name=path.name)


KEY = Pattern(
    r"[a-z][a-z0-9-]{0,39}", "a key", "write small letters, digits and dashes, a letter first"
)
NIS = Pattern(r"[0-9]{5}", "a NIS code", "write five digits")
POSTAL_CODE = Pattern(r"[1-9][0-9]{3}", "a Belgian postal code", "write four digits")
ZONE_CODE = Pattern(r"[0-9]{4}", "the code of a police zone", "write four digits")
PHONE = Pattern(
    r"\+[1-9][0-9]{6,14}",
    "an international (E.164) number",
    'write "+", the country code and the number, without spaces',
)
#: national short numbers and 0800 lines are public and cannot be written in E.164
PUBLIC_PHONE = Pattern(
    rf"{PHONE.regex}|1[0-9]{{2,3}}|0800( ?[0-9]){{5,6}}",
    "a telephone number",
    "write an E.164 number, a short number such as 112, or an 0800 number",
)
CLOCK_TIME = Pattern(r"([01][0-9]|2[0-3]):[0-5][0-9]", "an hour", 'write it as "22:00"')
PARAGRAPH = Pattern(
    r"[^\x00-\x1f\x7f-\x9f]{1,600}", "a paragraph", "write 1 to 600 characters on one line"
)
LANGUAGE = OneOf(LANGUAGES, "a language of the system")


def parse_network(text: str, *, name: str = "network file") -> Network:
    """The network that ``text`` describes; ``name`` stands in front of each problem.

    Raises NetworkFileError, and nothing else, on any text.
    """
    document = Document(text, name)
    root = document.root
    communes = _communes(root)
    commune = commune_of(communes)
    services = _services(root, commune)
    service = OneOf([s.key for s in services], "a service of this network")
    network = Network(
        key=root.text("key", KEY),
        name=root.text("name"),
        timezone=_timezone(root),
        languages=tuple(root.texts("languages", OneOf(LANGUAGES, "a language of the system"))),
        coordinator=root.text("coordinator", service),
        communes=communes,
        services=services,
        police_zones=_police_zones(root, commune, services),
        zoning=_zoning(root.table("zoning")),
        defaults=_defaults(root.table("defaults")),
        convention=_convention(root.table("convention"), commune),
        fallbacks=_fallbacks(root),
        retention=read_retention(root.table("retention")),
        legal=_legal(root.table("legal")),
        escalation=read_escalation(root.table("escalation")),
        orders=read_order_law(root.table("orders")),
    )
    asked = network.defaults.unlinked_address_days
    kept = network.retention.days[Kind.KNOWN_ADDRESSES]
    if asked > kept:
        root.table("retention").problem(
            "known_addresses",
            f"are kept {kept} days, and unlinked_address_days looks back {asked}",
            "keep them at least as long",
        )
    document.finish()
    return network


def _communes(root: Table) -> tuple[Commune, ...]:
    communes: list[Commune] = []
    seen: set[str] = set()
    for table in root.tables("communes"):
        names = table.table("names")
        spoken = {language: names.optional_text(language) for language in LANGUAGES}
        names.require("fr", "write the French name")
        communes.append(
            Commune(
                nis=table.once("nis", table.text("nis", NIS), seen),
                names={language: name for language, name in spoken.items() if name},
                postal_codes=tuple(table.texts("postal_codes", POSTAL_CODE)),
                centre=point(table),
                population=table.integer("population", 1, 2_000_000),
            )
        )
    return tuple(communes)


def commune_of(communes: Iterable[Commune]) -> OneOf:
    """One of ``communes``. The nearest code is no advice: similar codes lie far apart."""
    do = "correct the NIS code, or add its [[communes]] to the network"
    return OneOf([c.nis for c in communes], "a commune of this network", do)


def point(table: Table) -> Point:
    """``lat`` and ``lon`` in degrees, inside a box around Belgium."""
    return Point(table.number("lat", 49, 52), table.number("lon", 2, 7))


def _services(root: Table, commune: OneOf) -> tuple[Service, ...]:
    seen: set[str] = set()
    return tuple(
        Service(
            key=table.once("key", table.text("key", KEY), seen),
            kind=table.member("kind", ServiceKind),
            name=table.text("name"),
            commune=table.optional_text("commune", commune),
            duty_phone=table.optional_text("duty_phone", PHONE),
            second_phone=table.optional_text("second_phone", PHONE),
            around_the_clock=table.flag("around_the_clock", False),
            language=table.optional_text("language", LANGUAGE) or "fr",
        )
        for table in root.tables("services")
    )


def _police_zones(
    root: Table, commune: OneOf, services: Iterable[Service]
) -> tuple[PoliceZone, ...]:
    assistance = OneOf(
        [s.key for s in services if s.kind is ServiceKind.POLICE_VICTIM_ASSISTANCE],
        "a service of the kind police_victim_assistance",
    )
    zones: list[PoliceZone] = []
    codes: set[str] = set()
    covered: set[str] = set()
    for table in root.tables("police_zones", needed=False):
        communes = tuple(table.texts("communes", commune))
        for nis in communes:
            table.once("communes", nis, covered)
        zones.append(
            PoliceZone(
                code=table.once("code", table.text("code", ZONE_CODE), codes),
                name=table.text("name"),
                communes=communes,
                victim_assistance=table.text("victim_assistance", assistance),
            )
        )
    return tuple(zones)


def _timezone(root: Table) -> ZoneInfo:
    key = root.text("timezone")
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError):
        if key:
            do = 'write a name such as "Europe/Brussels"'
            root.problem("timezone", f"{shown(key)} is not a time zone", do)
        return ZoneInfo("UTC")


def _zoning(table: Table) -> Zoning:
    return Zoning(
        min_distance_m=table.number("min_distance_m", 0, 50_000),
        place_kinds=frozenset(table.texts("place_kinds", OneOf(PLACE_KINDS, "a kind of place"))),
    )


def _defaults(table: Table) -> Defaults:
    usual = Defaults()
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    return Defaults(
        hold=minute * table.integer("hold_minutes", 1, 240, usual.hold // minute),
        quiet_from=_hour(table, "quiet_from", usual.quiet_from),
        quiet_until=_hour(table, "quiet_until", usual.quiet_until),
        review_perpetrator_placements=table.flag(
            "review_perpetrator_placements", usual.review_perpetrator_placements
        ),
        separation_m=table.number("separation_m", 0, 100_000, usual.separation_m),
        stale_after=hour * table.integer("stale_after_hours", 1, 336, usual.stale_after // hour),
        night_rolls_over_at=table.integer("night_rolls_over_at", 0, 23, usual.night_rolls_over_at),
        delivered_within=minute
        * table.integer("delivered_within_minutes", 1, 60, usual.delivered_within // minute),
        missed_arrival_after=minute
        * table.integer(
            "missed_arrival_after_minutes", 15, 1440, usual.missed_arrival_after // minute
        ),
        unlinked_address_days=table.integer(
            "unlinked_address_days", 1, 3653, usual.unlinked_address_days
        ),
        horizon_nights=table.integer("horizon_nights", 1, 366, usual.horizon_nights),
    )


def _hour(table: Table, key: str, usual: time) -> time:
    text = table.optional_text(key, CLOCK_TIME)
    return time.fromisoformat(text) if text else usual


def _convention(table: Table, commune: OneOf) -> Convention:
    shares = table.table("load_shares")
    for nis in shares.names:
        shares.check(nis, nis, commune)
    workers = table.integer("reference_workers", 0, 10_000, -1)
    return Convention(
        signed_on=table.day("signed_on"),
        load_shares={nis: shares.number(nis, 0, 1_000_000) for nis in shares.names},
        reference_workers=None if workers < 0 else workers,
        family_places_per_10000=table.number(
            "family_places_per_10000", 0, 100, Convention().family_places_per_10000
        ),
    )


def _fallbacks(root: Table) -> tuple[Fallback, ...]:
    fallbacks: list[Fallback] = []
    for table in root.tables("fallbacks", needed=False):
        fallback = Fallback(
            name=table.text("name"),
            phone=table.optional_text("phone", PUBLIC_PHONE),
            kind=table.optional_text("kind", OneOf(FALLBACK_KINDS, "a kind of fallback"))
            or "partner",
            for_victims=table.flag("for_victims", True),
            for_perpetrators=table.flag("for_perpetrators", False),
        )
        if not (fallback.for_victims or fallback.for_perpetrators):
            table.problem("for_victims", "this fallback helps nobody", "say whom, or remove it")
        fallbacks.append(fallback)
    return tuple(fallbacks)


def _legal(table: Table) -> Legal:
    return Legal(
        controller=table.optional_text("controller", PARAGRAPH),
        contact=table.optional_text("contact", PARAGRAPH),
        basis_victims=table.optional_text("basis_victims", PARAGRAPH),
        basis_perpetrators=table.optional_text("basis_perpetrators", PARAGRAPH),
    )
