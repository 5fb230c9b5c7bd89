"""The form of a request: what it holds at first, and what a filled one means."""

from __future__ import annotations

from typing import Any

from shelter.domain.household import Language, Person
from shelter.domain.requests import Urgency
from shelter.services import sites
from shelter.services.context import Tx
from shelter.services.intake import KeptApart, PlaceOnMap, RequestInput
from shelter_api.pages.forms import Form

ZONE = ("commune", "lat", "lon", "radius_km")
POINT = ("commune", "lat", "lon")
APART = ("case_reference", "min_distance_km")
MAX_ROWS = 10
#: shown at once; the others are folded away
FIRST_PEOPLE = (Person.WOMAN, Person.MAN, Person.CHILD, Person.INFANT)
MORE_PEOPLE = (
    Person.TEEN_GIRL,
    Person.TEEN_BOY,
    Person.OTHER_TEEN,
    Person.OTHER_ADULT,
)


def first_form(tx: Tx) -> Form:
    """Tonight, seven nights."""
    return Form(
        {
            "first_night": [tx.tonight.isoformat()],
            "nights": ["7"],
            "urgency": [str(Urgency.TONIGHT.value)],
        }
    )


def choices(tx: Tx) -> dict[str, Any]:
    """What the form lets choose from."""
    names = tx.network.communes
    return {
        "communes": sorted(names, key=lambda commune: commune.name(tx.actor.language)),
        "sites": [view.site for view in sites.list_sites(tx)],
        "first_people": FIRST_PEOPLE,
        "more_people": MORE_PEOPLE,
        "urgencies": tuple(reversed(Urgency)),
        "spoken": tuple(Language),
        "separation_km": round(tx.network.defaults.separation_m / 1000),
    }


def with_rows(form: Form) -> dict[str, int]:
    """How many rows of each repeated group to show: the filled ones, and what was asked for."""
    shown = {}
    for name, parts, preset in (
        ("avoid_zones", ZONE, "radius_km"),
        ("keep_apart", APART, None),
    ):
        filled = len(form.rows(name, parts, preset))
        wanted = filled + 1 if form.text("more") == name else filled
        shown[name] = max(1, min(wanted, MAX_ROWS))
    return shown


def request_input(form: Form) -> RequestInput:
    """Raises Invalid with every field that cannot be read; the service checks the rest."""
    zones = [f"avoid_zones.{number}" for number in form.rows("avoid_zones", ZONE, "radius_km")]
    near = [f"prefer_near.{number}" for number in form.rows("prefer_near", POINT)]
    apart = [f"keep_apart.{number}" for number in form.rows("keep_apart", APART)]
    given = RequestInput(
        people={person: form.whole(f"people.{person.value}") for person in Person},
        first_night=form.optional_day("first_night"),
        nights=form.whole("nights", 7),
        arrival_hour=form.optional_whole("arrival_hour"),
        urgency=form.choice("urgency", Urgency, Urgency.TONIGHT),
        step_free=form.has("step_free"),
        pets=form.has("pets"),
        quiet=form.has("quiet"),
        pregnancy=form.has("pregnancy"),
        own_cots=form.whole("own_cots"),
        own_transport=form.has("own_transport"),
        languages=form.choices("languages", Language),
        min_supervision=form.whole("min_supervision"),
        may_use_two_units=form.has("may_use_two_units"),
        may_change_unit=form.has("may_change_unit"),
        move_agreement=form.text("move_agreement", "none"),
        avoid_communes=tuple(form.texts("avoid_communes")),
        avoid_sites=form.identifiers("avoid_sites"),
        avoid_zones=tuple(_place(form, zone) for zone in zones),
        keep_apart=tuple(
            KeptApart(
                form.text(f"{each}.case_reference").strip(),
                form.optional_decimal(f"{each}.min_distance_km"),
            )
            for each in apart
        ),
        prefer_communes=tuple(form.texts("prefer_communes")),
        prefer_near=tuple(_place(form, point) for point in near),
        case_reference=form.optional("case_reference"),
        note=form.optional("note"),
    )
    form.check()
    return given


def _place(form: Form, name: str) -> PlaceOnMap:
    return PlaceOnMap(
        commune=form.optional(f"{name}.commune"),
        lat=form.optional_decimal(f"{name}.lat"),
        lon=form.optional_decimal(f"{name}.lon"),
        radius_km=form.optional_decimal(f"{name}.radius_km") or 0.0,
    )
