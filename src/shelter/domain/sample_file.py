"""Sample files: fictitious sites, duty phones and users to try a network with.

Read only by the demonstration and by tests; real sites are entered, and their addresses
encrypted, through the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from shelter.domain.availability import Sharing
from shelter.domain.household import EVERYONE
from shelter.domain.network import Network
from shelter.domain.network_file import CLOCK_TIME, KEY, PHONE, PLACE_KINDS, commune_of, point
from shelter.domain.sides import Role, sides_of
from shelter.domain.toml_reader import LINE, Document, OneOf, Pattern, Table
from shelter_solver.problem import Person, Point, Side, Site, Zoning
from shelter_solver.verify import zoning_conflicts

#: words that stand for several kinds of person. Many women's houses refuse sons from twelve
#: on, so ``women_and_children`` leaves teenage boys out: a house that takes them says so.
GROUPS: Mapping[str, frozenset[Person]] = {
    "everyone": EVERYONE,
    "women_and_children": frozenset(
        {Person.WOMAN, Person.TEEN_GIRL, Person.OTHER_TEEN, Person.CHILD, Person.INFANT}
    ),
    "men": frozenset({Person.MAN}),
}

LOGIN = Pattern(
    r"[a-z][a-z0-9]*([.-][a-z0-9]+)*", "a login", "write small letters, digits, dots and dashes"
)
PLACE = Pattern(
    rf"({'|'.join(PLACE_KINDS)}):[a-z0-9][a-z0-9_-]{{0,59}}",
    "a shared place",
    f'write "kind:name" with a kind among {", ".join(PLACE_KINDS)}',
)


@dataclass(frozen=True, slots=True)
class SampleUnit:
    """A unit to be; hours are local, 0–23, equal hours mean any hour; durations are nights."""

    label: str
    beds: int
    cots: int
    sharing: Sharing
    admits: frozenset[Person]
    step_free: bool
    pets: bool
    quiet: bool
    #: 0 none, 1 visits, 2 staff by day, 3 staff day and night
    supervision: int
    intake_from: int
    intake_until: int
    cleaning_nights: int
    #: None: no limit
    max_stay_nights: int | None
    #: how often a stay of that length may be renewed
    renewals: int


@dataclass(frozen=True, slots=True)
class SampleSite:
    key: str
    #: a code name, never an address
    name: str
    commune: str
    audience: Side
    #: key of the managing service
    service: str
    contact_phone: str | None
    contact_language: str
    address: str
    point: Point
    places: frozenset[str]
    description: str | None
    units: tuple[SampleUnit, ...]

    @property
    def placed(self) -> Site:
        """The site as the zoning rule sees it."""
        return Site(self.key, self.audience, self.commune, self.point, self.places)


@dataclass(frozen=True, slots=True)
class SampleUser:
    login: str
    name: str
    role: Role
    side: Side | None
    #: None for an administrator only
    service: str | None
    language: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class SampleShift:
    """Every day somebody is on duty at these local hours; an end that is no later is the next."""

    login: str
    line: int
    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Sample:
    sites: tuple[SampleSite, ...]
    users: tuple[SampleUser, ...]
    #: service key → E.164 number
    duty_phones: Mapping[str, str]
    shifts: tuple[SampleShift, ...] = ()


def parse_sample(text: str, network: Network, *, name: str = "sample file") -> Sample:
    """The sample that ``text`` describes, consistent with ``network`` and its zoning rule.

    Raises ``NetworkFileError``, and nothing else, on any text.
    """
    document = Document(text, name)
    root = document.root
    service = OneOf([s.key for s in network.services], "a service of this network")
    language = OneOf(network.languages, "a language of this network")
    commune = commune_of(network.communes)
    sites = _sites(root, network.zoning, commune, service, language)
    users = _users(root, service, language)
    phones = root.table("duty_phones")
    for key in phones.names:
        phones.check(key, key, service)
    duty_phones = {key: phones.text(key, PHONE) for key in phones.names}
    shifts = _shifts(root, OneOf([user.login for user in users], "a user of this file"))
    document.finish()
    return Sample(sites, users, duty_phones, shifts)


def _sites(
    root: Table, zoning: Zoning, commune: OneOf, service: OneOf, language: OneOf
) -> tuple[SampleSite, ...]:
    sites: list[SampleSite] = []
    keys: set[str] = set()
    names: set[str] = set()
    for table in root.tables("sites"):
        site = SampleSite(
            key=table.once("key", table.text("key", KEY), keys),
            name=table.once("name", table.text("name"), names),
            commune=table.text("commune", commune),
            audience=table.member("audience", Side),
            service=table.text("service", service),
            contact_phone=table.optional_text("contact_phone", PHONE),
            contact_language=table.text("contact_language", language),
            address=table.text("address"),
            point=point(table),
            places=frozenset(table.texts("places", PLACE)),
            description=table.optional_text("description", LINE),
            units=_units(table),
        )
        if not table.sound:
            continue  # a stand-in value is no reason to speak of zoning
        for other in sites:
            for _, _, why in zoning_conflicts((site.placed, other.placed), zoning):
                do = "move the site, or change the audience"
                table.problem("audience", f"with {other.key}: too near ({why})", do)
        sites.append(site)
    return tuple(sites)


def _units(site: Table) -> tuple[SampleUnit, ...]:
    units: list[SampleUnit] = []
    labels: set[str] = set()
    for table in site.tables("units"):
        unlimited = "max_stay_nights" not in table.names
        longest = table.integer("max_stay_nights", 1, 1095, 1)
        words = table.texts("admits", OneOf([*GROUPS, *Person], "a kind of person"))
        units.append(
            SampleUnit(
                label=table.once("label", table.text("label"), labels),
                beds=table.integer("beds", 1, 30),
                cots=table.integer("cots", 0, 10, 0),
                sharing=table.member("sharing", Sharing),
                admits=frozenset().union(
                    *(GROUPS[word] if word in GROUPS else {Person(word)} for word in words)
                ),
                step_free=table.flag("step_free", False),
                pets=table.flag("pets", False),
                quiet=table.flag("quiet", False),
                supervision=table.integer("supervision", 0, 3, 0),
                intake_from=table.integer("intake_from", 0, 23, 0),
                intake_until=table.integer("intake_until", 0, 23, 0),
                cleaning_nights=table.integer("cleaning_nights", 0, 14, 0),
                max_stay_nights=None if unlimited else longest,
                renewals=table.integer("renewals", 0, 6, 0),
            )
        )
    return tuple(units)


def _users(root: Table, service: OneOf, language: OneOf) -> tuple[SampleUser, ...]:
    users: list[SampleUser] = []
    logins: set[str] = set()
    for table in root.tables("users"):
        role = table.member("role", Role)
        word = table.optional_text("side", OneOf([*Side], "a side"))
        side = Side(word) if word else None
        if role is not Role.ADMINISTRATOR:
            table.require("service", "write the key of the user's service")
        if table.sound:
            try:
                sides_of(role, side)
            except ValueError as error:
                table.problem("side", str(error), "correct the side or the role")
        users.append(
            SampleUser(
                login=table.once("login", table.text("login", LOGIN), logins),
                name=table.text("name"),
                role=role,
                side=side,
                service=table.optional_text("service", service),
                language=table.text("language", language),
                phone=table.optional_text("phone", PHONE),
            )
        )
    return tuple(users)


def _shifts(root: Table, login: OneOf) -> tuple[SampleShift, ...]:
    shifts = []
    for table in root.tables("shifts", needed=False):
        who, line = table.text("login", login), table.integer("line", 1, 3, 1)
        begins, ends = table.text("from", CLOCK_TIME), table.text("until", CLOCK_TIME)
        if table.sound:
            shifts.append(
                SampleShift(who, line, time.fromisoformat(begins), time.fromisoformat(ends))
            )
    return tuple(shifts)
