"""Network and sample files: what is bundled is right, and every mistake is named with its line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelter.domain.network import Legal, Network
from shelter.domain.network_file import parse_network, read_network_file
from shelter.domain.retention import Kind, Retention
from shelter.domain.sample_file import Sample, parse_sample
from shelter.domain.sides import Role
from shelter.domain.toml_lines import line_index
from shelter.domain.toml_reader import MAX_BYTES, NetworkFileError
from shelter.networks import BUNDLED, bundled
from shelter_solver.problem import Person, Side
from shelter_solver.verify import zoning_conflicts

NETWORKS = tuple(name for name in BUNDLED if not name.endswith(".sample"))
STATBEL = Path(__file__).parents[2].parent / "shared" / "data" / "communes_be_2020.csv"
SECOVA = bundled("secova")
SAMPLE = bundled("secova.sample")
LOADED = parse_network(SECOVA)


def network(name: str) -> Network:
    return parse_network(bundled(name), name=f"{name}.toml")


def sample() -> Sample:
    return parse_sample(SAMPLE, network("secova"), name="secova.sample.toml")


def problems_of(text: str) -> list[str]:
    with pytest.raises(NetworkFileError) as caught:
        parse_network(text, name="secova.toml")
    return str(caught.value).split("\n")


def sample_problems_of(text: str) -> list[str]:
    with pytest.raises(NetworkFileError) as caught:
        parse_sample(text, network("secova"), name="sample.toml")
    return str(caught.value).split("\n")


def line_of(text: str, fragment: str) -> int:
    """The line, from 1, that holds ``fragment`` for the first time."""
    return text[: text.index(fragment)].count("\n") + 1


# --- bundled files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "communes", "population", "zones"),
    [
        ("secova", 5, 69_470, 1),  # DOMAIN: 69 470 inhabitants
        ("rezone-midi", 3, 227_146, 1),  # DOMAIN: 227 146 inhabitants
        ("liege", 75, 1_031_851, 18),  # DOMAIN: ~75 communes, ~1.03 million
        ("namur", 38, 495_832, 13),  # DOMAIN: ~496 000
    ],
)
def test_a_bundled_network_has_the_figures_of_its_project(
    name: str, communes: int, population: int, zones: int
) -> None:
    loaded = network(name)
    assert loaded.key == name
    assert len(loaded.communes) == communes
    assert sum(c.population for c in loaded.communes) == population
    assert len(loaded.police_zones) == len(loaded.victim_assistance) == zones
    assert {nis for z in loaded.police_zones for nis in z.communes} == {
        c.nis for c in loaded.communes
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_bundled_communes_agree_with_statbel(name: str) -> None:
    if not STATBEL.exists():
        pytest.skip("the Statbel table lies beside the repository and is absent here")
    with STATBEL.open(encoding="utf-8") as file:
        rows = {row["nis"]: row for row in csv.DictReader(file)}
    for commune in network(name).communes:
        row = rows[commune.nis]
        assert commune.names == {"fr": row["name_fr"], "nl": row["name_nl"]}
        assert commune.postal_codes == tuple(row["postal_codes"].split("|"))
        assert commune.centre.lat == float(row["centroid_lat"])
        assert commune.centre.lon == float(row["centroid_lon"])
        assert commune.population == int(row["population_2020"])
        zone = next(z for z in network(name).police_zones if commune.nis in z.communes)
        assert zone.code == row["police_zone"][:4]


@pytest.mark.parametrize("name", NETWORKS)
def test_bundled_networks_claim_no_duty_phone_that_nobody_gave_us(name: str) -> None:
    assert all(service.duty_phone is None for service in network(name).services)
    public = {"0800 30 030", "107", "101", "112"}
    assert {f.phone for f in network(name).fallbacks if f.phone} == public


@pytest.mark.parametrize("name", NETWORKS)
def test_no_bundled_fallback_houses_both_sides(name: str) -> None:
    for fallback in network(name).fallbacks:
        if fallback.kind not in {"helpline", "emergency"}:
            assert not (fallback.for_victims and fallback.for_perpetrators), fallback.name


def test_secova_keeps_its_settings() -> None:
    loaded = network("secova")
    assert loaded.zoning.min_distance_m == 3000
    assert loaded.defaults.hold == timedelta(minutes=20)
    assert loaded.defaults.quiet_from == time(22)
    assert loaded.defaults.stale_after == timedelta(hours=24)
    assert not loaded.defaults.review_perpetrator_placements
    assert loaded.retention == Retention()
    assert loaded.legal == Legal()
    assert loaded.convention.reference_workers == 17
    assert loaded.convention.signed_on is None
    assert loaded.service(loaded.coordinator).commune == "62022"  # Chaudfontaine


def test_an_unknown_bundled_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        bundled("../secrets")


# --- the sample ------------------------------------------------------------------------------


def test_the_sample_obeys_the_zoning_rule() -> None:
    sites, zoning = sample().sites, network("secova").zoning
    assert {s.audience for s in sites} == set(Side)
    assert zoning_conflicts([site.placed for site in sites], zoning) == ()
    # control: the same sites break a rule that is ten times as wide
    assert zoning_conflicts([site.placed for site in sites], replace(zoning, min_distance_m=30_000))


def test_the_sample_covers_five_communes_every_role_and_varied_units() -> None:
    loaded = sample()
    units = [unit for site in loaded.sites for unit in site.units]
    assert {s.commune for s in loaded.sites} == {c.nis for c in network("secova").communes}
    assert {u.role for u in loaded.users} == set(Role)
    assert 16 <= len(units) <= 20
    assert any(u.cots and u.step_free for u in units)
    assert any(u.pets for u in units)
    perpetrator_units = [
        u for s in loaded.sites if s.audience is Side.PERPETRATORS for u in s.units
    ]
    assert {u.supervision for u in perpetrator_units} == {2, 3}
    assert set(loaded.duty_phones) == {s.key for s in network("secova").services}, (
        "every service of the demonstration can be rung"
    )


def test_every_number_in_the_sample_is_reserved_for_fiction() -> None:
    loaded = sample()
    numbers = [s.contact_phone for s in loaded.sites] + [u.phone for u in loaded.users]
    for number in [*numbers, *loaded.duty_phones.values()]:
        assert number is None or re.fullmatch(r"\+447700900\d{3}", number)
    given = [n for n in [*numbers, *loaded.duty_phones.values()] if n]
    assert len(given) == len(set(given)), "a demonstration shows who was rung"


def test_a_women_s_house_takes_no_teenage_boy_unless_it_says_so() -> None:
    house = next(s for s in sample().sites if s.key == "aubepine")
    taking = {u.label: Person.TEEN_BOY in u.admits for u in house.units}
    assert taking == {
        "Chambre 1": False,
        "Chambre 2": False,
        "Chambre familiale": True,
        "Dortoir": False,
    }


# --- every mistake is named, with its line ---------------------------------------------------

MISTAKES = [
    # what stands there, what somebody writes, the key path, what the message says
    ('nis = "62022"', 'nis = "6202"', "communes[1].nis", '"6202" is not a NIS code; write five'),
    ('nis = "62022"', 'nis = "62009"', "communes[1].nis", '"62009" is there twice'),
    ('nis = "62022"', "nis = 62022", "communes[1].nis", "62022 is not a text; put it between"),
    ('["4130"]', '["413"]', "communes[2].postal_codes[0]", "is not a Belgian postal code; write"),
    ("lat = 50.58152", "lat = 5.63", "communes[1].lat", "5.63 is not possible here; write a num"),
    ("lon = 5.63373", "lon = nan", "communes[1].lon", "nan is not possible here; write a number"),
    ("population = 8297", "population = 0", "communes[4].population", "0 is not possible here"),
    ("population = 8297", "population = 8.5", "communes[4].population", "8.5 is not a whole num"),
    ("population = 8297", "poplation = 8297", "communes[4].poplation", 'you mean "population"?'),
    ('fr = "Trooz"', 'fn = "Trooz"', "communes[4].names.fr", "is missing; write the French"),
    ('key = "cpas-trooz"', 'key = "cpas-esneux"', "services[10].key", "is there twice"),
    ('key = "cpas-trooz"', 'key = "CPAS Trooz"', "services[10].key", "is not a key; write small"),
    ('kind = "on_call"', 'kind = "oncall"', "services[1].kind", 'did you mean "on_call"?'),
    ('commune = "62122"', 'commune = "62123"', "services[10].commune", "a commune of this netw"),
    ('code = "5283"', 'code = "52"', "police_zones[0].code", "write four digits"),
    ('["62009", "6', '["62008", "6', "police_zones[0].communes[0]", "add its [[communes]]"),
    (
        'assistance = "sapv-secova"',
        'assistance = "cpas-trooz"',
        "police_zones[0].victim_assistance",
        "is not a service of the kind police_victim_assistance",
    ),
    ('coordinator = "co', 'coordinator = "ko', "coordinator", 'did you mean "coordination-secova'),
    ('"Europe/Brussels"', '"Europe/Brussel"', "timezone", '"Europe/Brussel" is not a time zone'),
    ('["fr", "nl", "de"', '["fr", "nl", "dk"', "languages[2]", "is not a language of the system"),
    ("hold_minutes = 20", "hold_minutes = 241", "defaults.hold_minutes", "from 1 to 240"),
    ("hold_minutes = 20", "hold_minutes = true", "defaults.hold_minutes", "true is not possible"),
    ("stale_after_hours = 24", "stale_after_hours = 0", "defaults.stale_after_hours", "1 to 336"),
    ('from = "22:00"', 'from = "24:00"', "defaults.quiet_from", 'write it as "22:00"'),
    ("over_at = 10", "over_at = 24", "defaults.night_rolls_over_at", "from 0 to 23"),
    ("ments = false", 'ments = "no"', "defaults.review_perpetrator_placements", "write true or f"),
    ("min_distance_m = 3000", "", "zoning.min_distance_m", "is missing; write a number from 0"),
    ('"caretaker", ', '"caretakers", ', "zoning.place_kinds[2]", 'did you mean "caretaker"?'),
    ('"caretaker", ', '"entrance", ', "zoning.place_kinds[2]", '"entrance" is there twice'),
    ('phone = "107"', 'phone = "7"', "fallbacks[7].phone", "is not a telephone number; write"),
    ('kind = "hotel"', 'kind = "hostel"', "fallbacks[3].kind", 'did you mean "hotel"?'),
    ("# signed_on", 'signed_on = "May"\n#', "convention.signed_on", "is not a date; write it as"),
    ("# No [", 'load_shares."62000" = 1\n# [', 'convention.load_shares.62000', "a commune of this"),
    ("notes = 7\n", "notes = 0\n", "retention.notes", "from 1 to 3653"),
    ("notes = 7\n", "notes = 91\n", "retention.notes", "free text goes first; keep notes at most"),
    ("messages = 30\n", "messages = 31\n", "retention.messages", "could be replayed to a message"),
    ("separations = 180", "separations = 366", "retention.separations", "they go with"),
    ("sessions = 7", "sesions = 7", "retention.sesions", 'did you mean "sessions"?'),
    ("backups = 35", "backups = 1.5", "retention.backups", "is not a whole number"),
    ("[zoning]", "[zonning]", "zonning", 'is not a known key; did you mean "zoning"?'),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "path", "says"), MISTAKES)
def test_a_mistake_is_named_with_its_line_and_what_to_do(
    right: str, wrong: str, path: str, says: str
) -> None:
    line = line_of(SECOVA, right)
    if wrong == "":
        line = line_of(SECOVA, "[zoning]")  # a missing key has the line of its table
    found = [p for p in problems_of(SECOVA.replace(right, wrong, 1)) if f": {path}: " in p]
    assert len(found) == 1
    assert found[0].startswith(f"secova.toml:{line}: {path}: ")
    assert says in found[0]


def test_the_message_reads_like_this() -> None:
    text = SECOVA.replace('"62032"', '"6203"', 1)
    line = line_of(SECOVA, '"62032"')
    expected = f'secova.toml:{line}: communes[2].nis: "6203" is not a NIS code; write five digits'
    assert expected in problems_of(text)


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = (
        SECOVA.replace("hold_minutes = 20", "hold_minutes = 999")
        .replace("population = 12394", "population = -1")
        .replace('kind = "hotel"', 'kind = "motel"')
    )
    lines = [int(problem.split(":")[1]) for problem in problems_of(text)]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_one_commune_cannot_be_in_two_police_zones() -> None:
    text = SECOVA + (
        '\n[[police_zones]]\ncode = "5284"\nname = "Autre"\n'
        'communes = ["62009"]\nvictim_assistance = "sapv-secova"\n'
    )
    (only,) = problems_of(text)
    assert 'police_zones[1].communes: "62009" is there twice' in only


def test_phones_are_written_in_e_164() -> None:
    anchor = 'key = "garde-secova"\n'
    good = SECOVA.replace(anchor, anchor + 'duty_phone = "+447700900302"\n')
    assert parse_network(good).service("garde-secova").duty_phone == "+447700900302"
    (only,) = problems_of(SECOVA.replace(anchor, anchor + 'duty_phone = "04 000 00 00"\n'))
    assert "services[1].duty_phone" in only
    assert "E.164" in only


def test_load_shares_and_the_date_of_signature_are_read() -> None:
    text = SECOVA.replace(
        "[convention]\n",
        '[convention]\nload_shares = { "62009" = 2, "62122" = 0.5 }\nsigned_on = 2024-03-15\n',
    )
    convention = parse_network(text).convention
    assert convention.load_shares == {"62009": 2.0, "62122": 0.5}
    assert convention.signed_on == "2024-03-15"


def test_a_text_that_is_not_toml_is_refused_at_its_line() -> None:
    (only,) = problems_of(SECOVA.replace("hold_minutes = 20", "hold_minutes 20"))
    assert only.startswith(f"secova.toml:{line_of(SECOVA, 'hold_minutes')}: not TOML: ")
    (only,) = problems_of('key = "secova"\nlanguages = ["fr",\n')
    assert only.startswith("secova.toml:2: not TOML: ")


def test_an_empty_file_names_everything_that_is_wanted() -> None:
    found = "\n".join(problems_of(""))
    for key in ("key", "communes", "services", "zoning.min_distance_m", "coordinator"):
        assert f": {key}: is missing" in found


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000 + "]" * 5000, "a = 0x" + "f" * 5000, "a = " + "9" * 5000, "\x00", "[[a]"],
    ids=["deep", "huge hexadecimal", "huge decimal", "control character", "open header"],
)
def test_hostile_texts_are_refused_like_any_other(text: str) -> None:
    assert problems_of(text)


# --- files -----------------------------------------------------------------------------------


def test_a_file_is_read_and_named_in_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "ici.toml"
    path.write_text(SECOVA, encoding="utf-8")
    assert read_network_file(path) == network("secova")
    path.write_bytes(SECOVA.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read_network_file(path) == network("secova"), "as an editor on Windows saves it"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a" * (MAX_BYTES + 1), "ici.toml:1: is larger than 1 MB; "),
        (b'name = "a"\nkey = "\xe9"\n', "ici.toml:2: is not UTF-8 text; save the file"),
        (None, "ici.toml:1: cannot be read (no such file or directory); check the path"),
    ],
    ids=["too large", "latin-1", "absent"],
)
def test_a_file_that_cannot_be_read_is_refused_clearly(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "ici.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NetworkFileError, match=re.escape(says)):
        read_network_file(path)


# --- the sample's mistakes -------------------------------------------------------------------

SAMPLE_MISTAKES = [
    ('key = "genet"', 'key = "bruyere"', "sites[1].key", "is there twice"),
    ('commune = "62122"', 'commune = "62063"', "sites[4].commune", "a commune of this network"),
    ('service = "cpas-trooz"', 'service = "cpas-troo"', "sites[4].service", '"cpas-trooz"?'),
    ('"service:cpas-trooz", ', '"srvice:x", ', "sites[4].places[0]", "is not a shared place"),
    ('label = "Dortoir"', 'label = "Chambre 1"', "sites[2].units[3].label", "is there twice"),
    ("beds = 6", "beds = 0", "sites[3].units[0].beds", "write a number from 1 to 30"),
    ('["men"]', '["boys"]', "sites[6].units[0].admits[0]", "is not a kind of person"),
    ("intake_until = 23", "intake_until = 24", "sites[7].units[0].intake_until", "0 to 23"),
    ("supervision = 3", "supervision = 4", "sites[6].units[0].supervision", "0 to 3"),
    ('login = "admin"', 'login = "Admin!"', "users[9].login", "is not a login"),
    ('role = "sapv"', 'role = "sapv"\nside = "victims"', "users[7].side", "acts on both sides"),
    ('role = "on_call"\nside = "victims"', 'role = "on_call"', "users[0].side", "needs a side"),
    ('phone = "+447700900210"', 'phone = "0499"', "users[9].phone", "E.164"),
    ("cpas-trooz = ", "cpas-troz = ", "duty_phones.cpas-troz", 'did you mean "cpas-trooz"?'),
]


@pytest.mark.parametrize(("right", "wrong", "path", "says"), SAMPLE_MISTAKES)
def test_a_mistake_in_a_sample_is_named_with_its_line(
    right: str, wrong: str, path: str, says: str
) -> None:
    (only,) = sample_problems_of(SAMPLE.replace(right, wrong, 1))
    line = line_of(SAMPLE, right) + wrong.count("\n")
    if path == "users[0].side":
        line = line_of(SAMPLE, "[[users]]")  # a missing key has the line of its table
    assert only.startswith(f"sample.toml:{line}: {path}: ")
    assert says in only


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("lat = 50.4390", "lat = 50.4600", "too near (distance)"),
        ('"bus:908"', '"bus:901"', "too near (bus:901)"),
    ],
)
def test_a_sample_that_breaks_the_zoning_rule_is_refused(right: str, wrong: str, says: str) -> None:
    (only,) = sample_problems_of(SAMPLE.replace(right, wrong, 1))
    assert "sites[7].audience: with bruyere: " in only
    assert says in only


# --- lines -----------------------------------------------------------------------------------


def test_lines_are_found_in_every_way_of_writing_toml() -> None:
    text = "\n".join(
        [
            "# a comment with [brackets] and \"quotes",  # 1
            'a = """',  # 2
            "[not.a.table]",  # 3
            'b = 1"""',  # 4
            "list = [ # ] not the end",  # 5
            '  "one", "]", # 6',  # 6
            '  "three",',  # 7
            "]",  # 8
            "dotted.key = 1",  # 9
            "[t.'quoted key']",  # 10
            "x = { y = 1 }",  # 11
            "[[s]]",  # 12
            "k = 1",  # 13
            "[[s.u]]",  # 14
            "[[s.u]]",  # 15
            "k = 2",  # 16
            "[s.one]",  # 17
            "k = 3",  # 18
            "[[s]]",  # 19
            "[[s.u]]",  # 20
            "k = 4",  # 21
        ]
    )  # fmt: skip
    lines = line_index(text)
    expected = {
        ("a",): 2,
        ("list",): 5,
        ("list", 0): 6,
        ("list", 1): 6,
        ("list", 2): 7,
        ("dotted", "key"): 9,
        ("t", "quoted key"): 10,
        ("t", "quoted key", "x", "y"): 11,
        ("s", 0, "k"): 13,
        ("s", 0, "u", 0): 14,
        ("s", 0, "u", 1, "k"): 16,
        ("s", 0, "one", "k"): 18,
        ("s", 1): 19,
        ("s", 1, "u", 0, "k"): 21,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert ("not",) not in lines


# --- nothing but NetworkFileError ------------------------------------------------------------

SCRAPS = st.one_of(
    st.sampled_from(
        ["[", "]", "[[", '"', '"""', "=", "{", "}", "\n", "#", "'", "nan", "inf", "-1"]
    ),
    st.sampled_from(["[[sites]]", "1979-05-27", "07:32:00", "true", '""', "[]", "{}", "zoning"]),
    st.sampled_from(["\ufeff", "\r", "\x00", "\u2028", "0x" * 9]),
    st.text(max_size=8),
)


def refusal(read: Callable[[], object]) -> NetworkFileError | None:
    """How ``read`` refuses, or None; any other exception escapes and fails the test."""
    try:
        read()
    except NetworkFileError as error:
        return error
    return None


def check_well_formed(error: NetworkFileError | None) -> None:
    if error is not None:
        assert error.problems
        assert all(p.line >= 1 and p.what and p.do for p in error.problems)
        assert len(str(error).split("\n")) == len(error.problems)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), scrap=SCRAPS, cut=st.integers(0, 40))
def test_a_damaged_network_file_is_read_or_refused_and_nothing_else(
    data: st.DataObject, scrap: str, cut: int
) -> None:
    at = data.draw(st.integers(0, len(SECOVA)))
    text = SECOVA[:at] + scrap + SECOVA[at + cut :]
    check_well_formed(refusal(lambda: parse_network(text)))


# no plain text among them: another service key, say, is only wrong where it is referred to
VALUES = st.sampled_from(["-1", "-1.5", "[]", '["x", 2]', "{ a = 1 }", "true", "2024-01-01"])


@settings(max_examples=150, deadline=None)
@given(data=st.data(), value=VALUES)
def test_a_value_of_the_wrong_type_is_refused_at_its_own_line(
    data: st.DataObject, value: str
) -> None:
    rows = SECOVA.split("\n")
    keyed = [n for n, row in enumerate(rows) if " = " in row and not row.startswith("#")]
    number = data.draw(st.sampled_from(keyed))
    rows[number] = rows[number].split(" = ")[0] + " = " + value
    error = refusal(lambda: parse_network("\n".join(rows)))
    assert error is None or number + 1 in {problem.line for problem in error.problems}


@settings(max_examples=100, deadline=None)
@given(data=st.data(), scrap=SCRAPS, cut=st.integers(0, 40))
def test_a_damaged_sample_is_read_or_refused_and_nothing_else(
    data: st.DataObject, scrap: str, cut: int
) -> None:
    at = data.draw(st.integers(0, len(SAMPLE)))
    text = SAMPLE[:at] + scrap + SAMPLE[at + cut :]
    check_well_formed(refusal(lambda: parse_sample(text, LOADED)))


# --- periods and legal texts ---------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_every_bundled_network_says_how_long_each_kind_is_kept(name: str) -> None:
    table = bundled(name).split("[retention]\n", 1)[1].split("\n[", 1)[0]
    said = {line.split(" = ")[0] for line in table.splitlines() if " = " in line}
    assert said == {kind.value for kind in Kind} | {"backups"}


def test_a_file_without_periods_has_the_usual_ones() -> None:
    start, rest = SECOVA.split("[retention]\n", 1)
    assert parse_network(start + "[convention]" + rest.split("[convention]", 1)[1]) == LOADED


def test_a_misspelt_legal_text_is_named() -> None:
    [problem] = problems_of(SECOVA + '\n[legal]\ncontroler = "SECOVA"\n')
    assert 'legal.controler: is not a known key; did you mean "controller"?' in problem


def test_the_data_protection_officer_s_words_are_read() -> None:
    text = SECOVA + '\n[legal]\ncontroller = "SECOVA"\nbasis_victims = "Art. 6(1)(e) RGPD"\n'
    legal = parse_network(text).legal
    assert legal == Legal(controller="SECOVA", basis_victims="Art. 6(1)(e) RGPD")
