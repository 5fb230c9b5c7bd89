"""The map: one side's, at the communes, never where a site is; boundaries all or nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, CommuneBoundary, Site
from shelter.domain.boundaries import MAX_BYTES
from shelter.domain.errors import Invalid, NotAllowed
from shelter.domain.household import Person
from shelter.domain.sides import Side
from shelter.services import boundaries, sites
from shelter.services.locations import location_of
from shelter.services.site_map import SiteMap, site_map
from support.server import DEMO_USERS, As, client_of
from support.world import World, key, secova_world

WORKER, OTHER, STAFF, COORDINATOR = (
    "garde.aywaille",
    "garde.auteurs",
    "logement.sprimont",
    "coordination",
)
DATA = Path(__file__).parents[2].parent / "shared" / "data"
SQUARE = [[5.5, 50.5], [5.6, 50.5], [5.6, 50.6], [5.5, 50.6], [5.5, 50.5]]


def geojson(nis: str = "62009", ring: Any = SQUARE) -> str:
    geometry = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"nis": nis}, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def counted(world: World, login: str, side: Side | None = None) -> dict[str, tuple[int, int]]:
    it = seen(world, login, side)
    return {mark.commune.nis: (mark.sites, mark.free) for mark in it.with_sites}


def seen(world: World, login: str, side: Side | None = None) -> SiteMap:
    return world.do(world.user(login), site_map, side)


def page(world: World, client: TestClient[Litestar], login: str, path: str = "/map") -> str:
    answer = As(client, world.system, login).call("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.text


# --- who sees what ----------------------------------------------------------------------------


@pytest.mark.parametrize("login", list(DEMO_USERS))
def test_the_map_is_for_those_who_see_sites(
    world: World, client: TestClient[Litestar], login: str
) -> None:
    sees = login not in {"sapv.secova", "admin"}
    answer = As(client, world.system, login).call("GET", "/map")
    assert (answer.status_code == 200) == sees
    assert sees or answer.status_code == 403
    brings = As(client, world.system, login).call("GET", "/map/boundaries")
    assert brings.status_code == (200 if login == COORDINATOR else 403)


def test_each_side_is_counted_by_itself(world: World) -> None:
    """The sites of the other side are counted nowhere; a coordinator names the side."""
    by_side = {}
    for login, side in ((WORKER, Side.VICTIMS), (OTHER, Side.PERPETRATORS)):
        here = [site.commune for site in world.all(Site, side=side)]
        expected = {nis: here.count(nis) for nis in here}
        by_side[side] = {nis: sites for nis, (sites, _) in counted(world, login).items()}
        assert by_side[side] == expected
        told = counted(world, COORDINATOR, side)
        assert {nis: sites for nis, (sites, _) in told.items()} == expected
    assert by_side[Side.VICTIMS] != by_side[Side.PERPETRATORS]  # control


def test_staff_see_their_own_sites(world: World) -> None:
    service = world.user(STAFF).service
    own = {site.commune for site in world.all(Site, service=service)}
    assert set(counted(world, STAFF)) == own < set(counted(world, WORKER))


def test_a_place_that_is_taken_is_not_counted_as_free(world: World) -> None:
    before = counted(world, WORKER)
    world.placed(world.user(WORKER), people={Person.WOMAN: 1, Person.CHILD: 1})
    after = counted(world, WORKER)
    assert sum(free for _, free in before.values()) - sum(f for _, f in after.values()) == 1
    assert {nis: each[0] for nis, each in before.items()} == {n: e[0] for n, e in after.items()}


def test_the_perpetrator_sides_map_is_the_same_with_and_without_victims(
    world: World, client: TestClient[Litestar]
) -> None:
    """Byte for byte; the control is the victim side's own map, which changes."""
    fresh = re.compile(r'name="key" value="[^"]+"')
    both = {}
    for login in (OTHER, WORKER):
        both[login] = fresh.sub("", page(world, client, login, "/map?ring=separation"))
    world.placed(world.user(WORKER), people={Person.WOMAN: 1})
    new = sites.SiteInput("Tilleul", "62122", "1 rue du Rêve", lat=50.571, lon=5.705)
    world.do(world.user(STAFF), sites.add_site, new)
    same = fresh.sub("", page(world, client, OTHER, "/map?ring=separation"))
    assert same == both[OTHER]
    assert fresh.sub("", page(world, client, WORKER, "/map?ring=separation")) != both[WORKER]


# --- what the picture says --------------------------------------------------------------------


def test_no_point_of_a_site_can_be_read_from_the_map(
    world: World, client: TestClient[Litestar]
) -> None:
    """Sites stand at the centre of their commune: moved within it, the page does not change."""
    (site,) = world.all(Site, name="Sureau")
    fresh = re.compile(r'name="key" value="[^"]+"')
    before = fresh.sub("", page(world, client, WORKER))

    def move(tx: Any) -> None:
        was = location_of(tx, site)
        sites.edit_site(
            tx,
            site.id,
            sites.SiteInput(
                site.name,
                site.commune,
                was.address,
                lat=was.lat + 0.002,
                lon=was.lon + 0.002,
                places=was.places,
                contact_phone=site.contact_phone,
                contact_language=site.contact_language,
                description=site.description,
            ),
            site.version,
        )

    world.system.run(world.user(STAFF), move)
    assert fresh.sub("", page(world, client, WORKER)) == before
    assert "jamais à leur adresse" in before


def test_a_commune_is_chosen_by_a_link_and_distances_are_in_a_table(
    world: World, client: TestClient[Litestar]
) -> None:
    text = page(world, client, WORKER, "/map?from=62100")
    it = seen(world, WORKER)
    assert 'href="/map?from=62009&amp;ring=zoning"' in text
    assert "Distances depuis le centre de Sprimont" in text
    kilometres = re.findall(r'<td class="number">([\d,]+)</td></tr>', text)
    assert len(kilometres) == len(it.with_sites)
    assert kilometres == sorted(kilometres, key=lambda km: float(km.replace(",", ".")))
    assert "autour du centre de la commune, pas autour d’un lieu" in text
    assert "<script" not in text.split("<main", 1)[1]
    # what names nothing is as if nothing were named
    odd, plain = (page(world, client, WORKER, each) for each in ("/map?from=9&ring=x", "/map"))
    assert odd.split("<main")[1].split("<footer")[0] == plain.split("<main")[1].split("<footer")[0]


def test_the_ring_is_as_wide_as_the_rule_says(world: World, client: TestClient[Litestar]) -> None:
    radii = {}
    for ring in ("zoning", "separation"):
        text = page(world, client, WORKER, f"/map?ring={ring}")
        (radii[ring],) = map(float, re.findall(r'class="map-ring" [^>]* r="([\d.]+)"', text))
    assert radii["separation"] / radii["zoning"] == pytest.approx(5 / 3, rel=0.01)


# --- boundaries -------------------------------------------------------------------------------


def upload(person: As, text: str | bytes, **fields: str) -> Any:
    content = text.encode() if isinstance(text, str) else text
    files = {"geojson": ("communes.geojson", content, "application/geo+json")}
    return person.call("POST", "/map/boundaries/preview", data=fields, files=files)


def carried(answer: Any) -> str:
    from html import unescape

    (given,) = re.findall(r'name="boundaries" value="([^"]+)"', answer.text)
    return unescape(given)


def test_boundaries_are_looked_at_then_imported_then_removed(
    world: World, client: TestClient[Litestar]
) -> None:
    coordinator = As(client, world.system, COORDINATOR)
    shown = upload(coordinator, geojson())
    assert shown.status_code == 200
    assert world.all(CommuneBoundary) == []  # nothing yet
    typed = {"key": key(), "boundaries": carried(shown)}
    for _ in range(2):  # the answer got lost: once is enough
        answer = coordinator.call("POST", "/map/boundaries", data=typed)
        assert answer.headers["location"] == "/map/boundaries?done=imported"
    (row,) = world.all(CommuneBoundary)
    assert (row.nis, row.rings) == ("62009", [SQUARE])
    (entry,) = world.all(AuditEntry, action="boundaries.import")
    assert entry.detail == {"communes": 1, "points": 5}
    for login in (WORKER, OTHER):  # of no side: everybody's map has them
        assert page(world, client, login).count('class="map-ground"') == 1
    removed = coordinator.call("POST", "/map/boundaries/remove", data={"key": key()})
    assert removed.status_code == 303
    assert world.all(CommuneBoundary) == []
    assert 'class="map-ground"' not in page(world, client, WORKER)  # control


@pytest.mark.parametrize("name", ["communes_secova", "communes_liege_namur_bruxelles"])
def test_the_projects_files_go_through_the_page(
    world: World, client: TestClient[Litestar], name: str
) -> None:
    path = DATA / f"{name}.geojson"
    if not path.exists():
        pytest.skip(f"{path.name} lies in ../shared/data, which is not here")
    coordinator = As(client, world.system, COORDINATOR)
    shown = upload(coordinator, path.read_bytes())
    assert shown.status_code == 200, shown.text
    typed = {"key": key(), "boundaries": carried(shown)}
    assert coordinator.call("POST", "/map/boundaries", data=typed).status_code == 303
    communes = world.do(world.user(WORKER), lambda tx: tx.network.communes)
    assert {row.nis for row in world.all(CommuneBoundary)} == {each.nis for each in communes}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Réponse nécessaire"),
        ("{", "pas du JSON"),
        (b"\xff\xfe\x00", "pas du JSON"),
        ('{"type": "Feature"}', "FeatureCollection"),
        (geojson("99999"), "Aucune commune"),
        (geojson(ring=SQUARE[:-1]), "pas fermé"),
        (geojson(ring=[[0, 0], [1, 0], [1, 1], [0, 0]]), "hors de Belgique"),
        (b" " * (MAX_BYTES + 1), "Plus de 2"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing_and_is_explained(
    world: World, client: TestClient[Litestar], text: str | bytes, said: str
) -> None:
    coordinator = As(client, world.system, COORDINATOR)
    world.do(world.user(COORDINATOR), boundaries.bring, geojson())
    answer = upload(coordinator, text)
    assert answer.status_code == 422
    assert said.lower() in answer.text.lower()
    late = coordinator.call(
        "POST", "/map/boundaries", data={"key": key(), "boundaries": geojson("99999")}
    )
    assert late.status_code == 422
    assert [row.nis for row in world.all(CommuneBoundary)] == ["62009"]


def test_nothing_is_half_written(world: World) -> None:
    """The second commune of a file is wrong: the first is not imported, and the old ones stay."""
    coordinator = world.user(COORDINATOR)
    world.do(coordinator, boundaries.bring, geojson("62009"))
    mixed = json.loads(geojson("62100"))
    mixed["features"] += json.loads(geojson("62032", SQUARE[:-1]))["features"]
    with pytest.raises(Invalid):
        world.do(coordinator, boundaries.bring, json.dumps(mixed))
    assert [row.nis for row in world.all(CommuneBoundary)] == ["62009"]
    mixed["features"].pop()  # control: without the wrong one the first comes in
    world.do(coordinator, boundaries.bring, json.dumps(mixed))
    assert [row.nis for row in world.all(CommuneBoundary)] == ["62100"]


def test_only_this_route_takes_a_large_body(world: World, client: TestClient[Litestar]) -> None:
    coordinator = As(client, world.system, COORDINATOR)
    large = b" " * 400_000
    assert upload(coordinator, large).status_code == 422
    assert upload(coordinator, b" " * (MAX_BYTES + 200_000)).status_code == 413
    elsewhere = coordinator.call("POST", "/map/boundaries/remove", files={"file": ("x", large)})
    assert elsewhere.status_code == 413


@pytest.mark.parametrize("login", [WORKER, OTHER, STAFF])
def test_nobody_else_brings_or_removes_boundaries(world: World, login: str) -> None:
    for work in (lambda tx: boundaries.bring(tx, geojson()), boundaries.remove):
        with pytest.raises(NotAllowed):
            world.system.run(world.user(login), work)
