"""A POST that is repeated, because the answer got lost, gets the same answer and does nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlmodel import col, select

from shelter.db.session import lock_idempotency_key
from shelter.db.tables import IdempotencyKey
from shelter.domain.errors import Conflict, FieldProblem, Invalid
from shelter.services.context import Tx


def once(tx: Tx, key: str, what: Any, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do ``work`` in this transaction, or give the answer that this user's ``key`` got before.

    ``what`` is the request (route and body, JSON): the same key with another request is a Conflict.
    """
    assert tx.actor.user_id is not None
    if not 1 <= len(key) <= 128 or not key.isprintable():
        raise Invalid(FieldProblem("Idempotency-Key", "length", (("min", 1), ("max", 128))))
    # keyed: a body may hold a case reference, which a plain hash would let somebody guess
    fingerprint = tx.keyring.keyed_hash(json.dumps(what, sort_keys=True, default=str))
    lock_idempotency_key(tx.session, tx.actor.user_id, key)
    stored = tx.session.exec(
        select(IdempotencyKey).where(
            col(IdempotencyKey.user_id) == tx.actor.user_id, col(IdempotencyKey.key) == key
        )
    ).first()
    if stored is not None:
        if stored.fingerprint != fingerprint:
            raise Conflict("idempotency_key_reused")
        return stored.answer
    answer = work()
    tx.session.add(
        IdempotencyKey(
            user_id=tx.actor.user_id,
            key=key,
            fingerprint=fingerprint,
            answer=answer,
            created_at=tx.now,
        )
    )
    tx.session.flush()
    return answer
