"""A request that is being typed, kept so that a dropped connection loses nothing.

On the server and never on the phone, encrypted, for its owner alone, for a day. Closed lists and
numbers are kept; of free text what would be taken as a note; of case references nothing, as
everywhere: the draft only remembers that they have to be typed again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

from sqlmodel import col, delete, select

from shelter.db.session import lock_idempotency_key
from shelter.db.tables import IdempotencyKey, RequestDraft
from shelter.domain.errors import NotAllowed
from shelter.domain.household import Language, Person
from shelter.domain.requests import Urgency
from shelter.domain.retention import Kind
from shelter.domain.sides import Role
from shelter.services.context import Tx
from shelter.services.intake import note_problems

#: values of one field, at most; no form has more communes or sites to tick
MOST = 100


def _one_of(words: Iterable[object]) -> str:
    return "|".join(re.escape(str(word)) for word in words)


_WHOLE = r"\d{1,3}"
_DECIMAL = r"-?\d{1,3}(?:[.,]\d{0,8})?"
_COMMUNE = r"\d{5}"
#: what a field may hold, by the name of the field: nothing that a person could be known by
_HOLDS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(name), re.compile(value))
    for name, value in (
        (rf"people\.(?:{_one_of(person.value for person in Person)})", _WHOLE),
        (r"first_night", r"\d{4}-\d\d-\d\d"),
        (r"nights|arrival_hour|own_cots|min_supervision", _WHOLE),
        (r"urgency", _one_of(urgency.value for urgency in Urgency)),
        (
            r"step_free|pets|quiet|pregnancy|own_transport|may_use_two_units|may_change_unit",
            "on",
        ),
        (r"languages", _one_of(language.value for language in Language)),
        (r"move_agreement", "none|party|service"),
        (r"(?:avoid|prefer)_communes", _COMMUNE),
        (r"avoid_sites", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        (r"(?:avoid_zones|prefer_near)\.\d\.commune", _COMMUNE),
        (r"(?:avoid_zones|prefer_near)\.\d\.(?:lat|lon|radius_km)", _DECIMAL),
        (r"keep_apart\.\d\.min_distance_km", _DECIMAL),
    )
)
_REFERENCE = re.compile(r"(case_reference|keep_apart)(?:\.\d\.case_reference)?")


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed, by the name of the field."""

    fields: Mapping[str, list[str]]
    saved_at: datetime
    #: fields in which a case reference stood, which is kept nowhere
    type_again: tuple[str, ...]


def save(tx: Tx, typed: Mapping[str, list[str]], key: str = "") -> None:
    """Keep what was typed so far, in place of what was kept before.

    ``key`` is the form's own: once its request is made, a late copy of the form is no draft.
    """
    user = _owner(tx)
    # two copies of a form, or the form and its draft, one after the other; as ``once`` locks
    lock_idempotency_key(tx.session, user, key)
    if (
        key
        and tx.session.exec(
            select(IdempotencyKey.id).where(
                col(IdempotencyKey.user_id) == user, col(IdempotencyKey.key) == key
            )
        ).first()
    ):
        return
    lock_idempotency_key(tx.session, user, "draft")
    row = _row(tx)
    if row is None:
        assert tx.actor.side is not None
        row = RequestDraft(
            id=uuid4(), side=tx.actor.side, user_id=user, fields=b"", saved_at=tx.now
        )
    kept = json.dumps({"fields": _kept(tx, typed), "type_again": _references(typed)})
    row.fields = tx.keyring.encrypt("request_draft", row.id, "fields", kept)
    row.saved_at = tx.now
    tx.session.add(row)
    tx.session.flush()


def latest(tx: Tx) -> Draft | None:
    """What the actor typed last, unless it is due to be purged; a night that is over is tonight."""
    _owner(tx)
    row = _row(tx)
    if row is None or row.saved_at < tx.network.retention.cutoff(Kind.DRAFTS, tx.now):
        return None
    kept = json.loads(tx.keyring.decrypt("request_draft", row.id, "fields", row.fields))
    fields: dict[str, list[str]] = kept["fields"]
    if fields.get("first_night", [tx.tonight.isoformat()])[0] < tx.tonight.isoformat():
        fields["first_night"] = [tx.tonight.isoformat()]
    return Draft(fields, row.saved_at, tuple(kept["type_again"]))


def drop(tx: Tx) -> None:
    """Forget it: the request is made, or its owner begins anew."""
    user = _owner(tx)
    tx.session.exec(
        delete(RequestDraft).where(
            col(RequestDraft.user_id) == user, col(RequestDraft.side) == tx.actor.side
        )
    )


def _row(tx: Tx) -> RequestDraft | None:
    return tx.session.exec(
        tx.rows.select(RequestDraft).where(
            col(RequestDraft.user_id) == tx.actor.user_id,
            col(RequestDraft.side) == tx.actor.side,
        )
    ).first()


def _owner(tx: Tx) -> UUID:
    if tx.actor.role is not Role.ON_CALL or tx.actor.user_id is None:
        raise NotAllowed("not_allowed")
    return tx.actor.user_id


def _kept(tx: Tx, typed: Mapping[str, list[str]]) -> dict[str, list[str]]:
    kept = {}
    for name, values in sorted(typed.items()):
        holds = next((value for field, value in _HOLDS if field.fullmatch(name)), None)
        if holds is not None:
            sound = [value.strip() for value in values[:MOST] if holds.fullmatch(value.strip())]
            if name == "first_night":
                sound = [value for value in sound if _is_day(value)]
            if sound:
                kept[name] = sound
    note = (typed.get("note") or [""])[0].strip()
    if note and not note_problems(tx, note):
        kept["note"] = [note]
    return kept


def _references(typed: Mapping[str, list[str]]) -> list[str]:
    found = {
        match[1]
        for name, values in typed.items()
        if (match := _REFERENCE.fullmatch(name)) and any(value.strip() for value in values)
    }
    return sorted(found)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
