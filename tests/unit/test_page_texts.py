"""Every text that a page or an answer may say exists, in every language, and none is left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shelter import i18n
from shelter.domain.alerts import AlertKind, StepEnd, Tell
from shelter.domain.audience import AudienceReason, AudienceState
from shelter.domain.availability import BlockReason, Freshness, Sharing
from shelter.domain.carrier_codes import Remedy
from shelter.domain.contacts import CHANNELS, PersonMessage
from shelter.domain.decisions import GlassReason, OverrideReason, OverrideState
from shelter.domain.free_text import Found
from shelter.domain.household import Language, Person
from shelter.domain.messages import Channel, MessageState
from shelter.domain.orders import OrderState
from shelter.domain.placements import Action, PlacementState
from shelter.domain.requests import Outcome, RequestState, Urgency
from shelter.domain.rota import LINES
from shelter.domain.sides import Role, Side
from shelter.services.board import Cell
from shelter.services.calendar_import import Change, LeftOut
from shelter.services.looks import LOOKS
from shelter_api import errors
from shelter_api.pages.message_texts import COMMANDS
from shelter_api.pages.messages import SHOWN
from shelter_api.pages.rendering import WAYS
from shelter_solver.constraints import RULES
from shelter_solver.objective import GOALS

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "api/shelter_api/templates").rglob("*.html"))
CODE = [
    path
    for folder in ("src/shelter", "api/shelter_api", "solver/shelter_solver")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
#: texts that other tests look after
ELSEWHERE = ("sms.", "sms_nights.", "voice.", "mail.", "age.")


def _in_code(pattern: str) -> set[str]:
    return {
        match if isinstance(match, str) else "".join(match)
        for path in CODE
        for match in re.findall(pattern, path.read_text(encoding="utf-8"))
    }


def _written_out() -> set[str]:
    """Keys that stand whole in a template: ``t("nav.home")``, ``n("site.units", …)``."""
    keys: set[str] = set()
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        keys.update(re.findall(r"""\b[tn]\(\s*["']([a-z_.0-9]+)["']\s*[,)]""", text))
    return keys


def _put_together() -> set[str]:
    """Keys of which a template or the code writes the beginning only, each family by name."""
    families: dict[str, set[str]] = {
        "person": {*Person, *(f"{person}.age" for person in Person)},
        "count": set(Person),
        "urgency": {str(urgency.value) for urgency in Urgency},
        "outcome": set(Outcome),
        "requests": set(RequestState),
        "state": set(PlacementState),
        "live": {"held", "awaiting_review", "confirmed", "arrived"},
        "cell": {*Cell, *(f"{cell}.mark" for cell in Cell if cell is not Cell.PART_FREE)},
        "block": set(BlockReason),
        "sharing": set(Sharing),
        "freshness": set(Freshness),
        "spoken": set(Language),
        "language": set(i18n.LANGUAGES),
        "role": set(Role),
        "side": set(Side),
        "sms_state": set(MessageState),
        "sms_about": {
            key.removeprefix("sms.")
            for key in i18n.keys("fr")
            if key.startswith("sms.") and not key.startswith("sms.reply_")
        },
        "command": {f"{verb}{part}" for verb in COMMANDS for part in ("", ".what")},
        "supervision": {"0", "1", "2", "3", *(f"at_least.{level}" for level in range(4))},
        "agreement": {
            *("none", "party", "service"),
            *(f"{kind}.{who}" for kind in ("granted", "needed") for who in ("party", "service")),
        },
        "alert": {*AlertKind, *(f"{kind}.do" for kind in AlertKind)},
        "alerts": {f"answered_via_{way}" for way in ("screen", "sms", "voice")},
        "step": {
            *(f"tell.{tell}" for tell in Tell),
            *(f"by.{channel}" for channel in Channel),
            *(end for end in StepEnd if end is not StepEnd.TOLD),
        },
        "remedy": {remedy for remedy in Remedy if remedy is not Remedy.NONE},
        "messages": {*SHOWN, "stuck", "silent"},
        "action": {
            f"{action}{part}"
            for action in (Action.DECLINE, Action.DEPART, Action.NO_SHOW, Action.CANCEL)
            for part in ("", ".sure", ".yes")
        },
        "ask": {"may_use_two_units", "may_change_unit"},
        "audience": {
            *(f"reason.{reason}" for reason in AudienceReason),
            *(f"state.{state}" for state in AudienceState),
        },
        "account": {
            f"done.{what}" for what in ("password", "app", "passkey", "removed", "ended", "mail")
        },
        "history": _history() | {f"message.answer.{said}" for said in ("yes", "no")},
        "looks": set(LOOKS),
        "glass": {
            *(f"reason.{reason}" for reason in GlassReason),
            *(f"no_place.{state}" for state in RequestState),
        },
        "override": {
            *(f"reason.{reason}" for reason in OverrideReason),
            *(f"state.{state}" for state in (*OverrideState, "over")),
            *(f"decided_by.{state}" for state in ("approved", "declined")),
        },
        "order": {
            *(f"state.{state}" for state in OrderState),
            "step.extended",
            "step.ends",
            *(f"act.{act}{part}" for act in ("lift", "end") for part in ("", ".sure", ".yes")),
        },
        "rota": {
            *(f"line.option.{line}" for line in LINES),
            *(f"done.{what}" for what in ("added", "changed", "removed", "copied", "imported")),
            *(f"done.{what}" for what in ("agree", "decline", "withdraw")),
            *(f"import.{change}" for change in Change),
            *(f"left_out.{why}" for why in LeftOut),
            "feed.event",
        },
        "contact": {
            *(f"channel.{channel}" for channel in CHANNELS),
            *(f"send.{message}" for message in PersonMessage),
            "change",
            "new",
        },
        "reason": _in_code(r'\bReason\("([a-z_]+)"') - {"no_units", "unverified"},
        "blocked": {*(code for code, _ in RULES), "no_units", "unverified"},
        "change": _changes(),
        "goal": {*(goal for goal, _ in GOALS), "order"},
        "error": {f"{code}{part}" for code in _errors() for part in ("", ".do")},
        "field": _problems(),
    }
    found = {f"{family}.{member}" for family, members in families.items() for member in members}
    return found | {text for ways in WAYS.values() for _, text, _ in ways}


def _history() -> set[str]:
    """What the audit log may hold about one request."""
    moves = {f"placement.{action}" for action in Action}
    about_one = "request|placement|alert|address|message"
    decisions = _in_code(r'_record\(tx, "(glass\.[a-z_]+)"') | {
        f"override.{what}" for what in ("ask", "approve", "decline", "withdraw")
    }
    contact = _in_code(r'_note\(tx, request, "(contact\.[a-z_]+)"')
    return moves | decisions | contact | _in_code(rf'\.record\(\s*"((?:{about_one})\.[a-z_]+)"')


def _changes() -> set[str]:
    codes = _in_code(r'\bChange(?:View)?\("([a-z_]+)"')
    return codes | _in_code(r'_if_the_party\(.*?"([a-z_]+)", limits') | {"two_units", "change_unit"}


def _errors() -> set[str]:
    kinds = "|".join(kind.__name__ for kind, _ in errors.STATUS)
    raised = _in_code(rf"\b(?:{kinds})\(\s*\"([a-z_]+)\"")
    closed_or_placed = {"request_closed", "request_has_placement"}
    framework = {"bad_request", "not_found", "method_not_allowed", "too_large", "internal"}
    return raised | closed_or_placed | framework | {"invalid"}


def _problems() -> set[str]:
    named = _in_code(r"FieldProblem\(\s*[^,()]+(?:\([^)]*\))?,\s*\"([a-z_]+)\"")
    free_text = {f"text_{found}" for found in Found}
    return (
        named
        | free_text
        | _in_code(r'_wrong\("([a-z_]+)"')
        | _in_code(r'\.wrong\([^,]+, "([a-z_]+)"\)')
    )


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_text_that_is_asked_for_exists(language: str) -> None:
    asked = _written_out() | _put_together()
    assert sorted(asked - set(i18n.keys(language))) == []


def test_no_text_is_left_over() -> None:
    asked = _written_out() | _put_together()
    left = [k for k in i18n.keys("fr") if k not in asked and not k.startswith(ELSEWHERE)]
    assert left == []


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_language_has_the_placeholders_of_french(language: str) -> None:
    assert i18n.problems(i18n.catalogue("fr"), i18n.catalogue(language)) == ()


def test_the_search_finds_keys() -> None:
    """The control: a search that found nothing would also find nothing missing."""
    assert {"nav.home", "offer.hold", "ask.first_night"} <= _written_out()
    assert {"taken", "zoning", "hold_expired"} <= _errors()
    assert {"nobody", "range", "commune_or_point"} <= _problems()
    assert {"move_one", "another_night", "call", "widen_communes"} <= _changes()


def test_templates_hold_no_words_of_their_own() -> None:
    """Text between tags is the catalogues' business; commands, classes and addresses are not."""
    not_said = (
        r"\{% block width %\}.*?\{% endblock %\}|\{% macro link.*?endmacro %\}|<pre.*?</pre>"
        r"|<svg.*?</svg>|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}"
    )
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        bare = re.sub(not_said, " ", text, flags=re.S)
        words = re.sub(r"<[^>]*>", " ", bare, flags=re.S)
        assert re.findall(r"[A-Za-zÀ-ÿ_]{2,}", words) == [], path.name
