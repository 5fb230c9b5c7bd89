"""A storm of status reports: forged, replayed, in any order. What is true counts, once, forwards.

``make chaos-messages`` posts 10 000 on both databases; the suite posts some hundreds.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from litestar import Litestar
from litestar.testing import TestClient
from sqlmodel import col, select

from shelter.db.tables import Alert, Message
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import RANK, MessageState
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.messaging import STATUS_PATH
from shelter.services.delivery import deliver
from shelter.services.outbox import queue
from support.fake_twilio import FakeTwilio, TakenMessage
from support.server import client_of
from support.world import FakeGateway, World

#: what becomes of a message, as Twilio tells it; the first ones hear of nothing true
LIVES: tuple[tuple[tuple[str, int | None], ...], ...] = (
    (),
    (("sent", None), ("delivered", None)),
    (("queued", None), ("sent", None), ("undelivered", 30005)),
    (("failed", 30007),),
    (("sent", None), ("undelivered", 30006), ("delivered", None)),
)
STATES = {
    "queued": MessageState.ACCEPTED,
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "undelivered": MessageState.UNDELIVERED,
    "failed": MessageState.FAILED,
}


@dataclass(frozen=True)
class Storm:
    """What came of it: the first four are promises, 0 each."""

    forged_taken: int
    true_refused: int
    regressions: int
    double_effects: int
    forged: int
    true: int
    slowest_s: float

    def __str__(self) -> str:
        return (
            f"{self.forged} forged reports, {self.forged_taken} accepted; {self.true} true ones, "
            f"replayed and in any order, {self.true_refused} refused: {self.double_effects} double "
            f"effects, {self.regressions} states gone back; slowest answer {self.slowest_s:.3f} s"
        )


@dataclass(frozen=True)
class _Known:
    """One message, as both ends know it."""

    id: UUID
    taken: TakenMessage
    life: tuple[tuple[str, int | None], ...]


def storm(world: World, twilio: FakeTwilio, count: int, *, seed: int = 5) -> Storm:
    """Post ``count`` reports about messages that were handed over; ``twilio`` signs the true."""
    chance = random.Random(seed)
    public = world.system.settings.public_url
    known = _handed_over(world, twilio)
    told = Counter[str]()
    best = {each.id: RANK[MessageState.ACCEPTED] for each in known}
    arrived: dict[UUID, object] = {}
    bad = Counter[str]()
    slowest = 0.0
    with FakeTwilio(auth_token="somebody-elses") as other, client_of(world) as client:
        forgers = _forgers(public, twilio, other)
        for _ in range(count):
            each = chance.choice(known)
            url = f"{public}{STATUS_PATH}?m={each.id}"
            signature: str | None
            is_true = bool(each.life) and chance.random() < 0.3
            if is_true:
                status, code = chance.choice(each.life)
                form, signature = twilio.report(each.taken, status, url, code)
                best[each.id] = max(best[each.id], RANK[STATES[status]])
            else:
                status = "delivered" if chance.random() < 0.5 else "failed"
                url, form, signature = chance.choice(forgers)(each, chance.choice(known), status)
            began = time.monotonic()
            answer = _post(client, url.removeprefix(public), form, signature)
            slowest = max(slowest, time.monotonic() - began)
            told["true" if is_true else "forged"] += 1
            if is_true:
                bad["refused"] += answer != 204
                row = _row(world, each.id)
                # a first end stays the end, unless the message arrived after all
                bad["regression"] += RANK[row.state] != best[each.id]
                if row.delivered_at is not None:
                    first = arrived.setdefault(each.id, row.delivered_at)
                    bad["double"] += first != row.delivered_at
            else:
                bad["taken"] += answer != 403
    for each in known:
        bad["regression"] += RANK[_row(world, each.id).state] != best[each.id]
    bad["double"] += _told_twice(world)
    return Storm(
        forged_taken=bad["taken"],
        true_refused=bad["refused"],
        regressions=bad["regression"],
        double_effects=bad["double"],
        forged=told["forged"],
        true=told["true"],
        slowest_s=slowest,
    )


Forger = Callable[[_Known, _Known, str], tuple[str, dict[str, str], str | None]]


def _forgers(public: str, twilio: FakeTwilio, other: FakeTwilio) -> list[Forger]:
    """Ways to post what Twilio did not: an address, a form and a signature."""

    def signed(each: _Known, status: str, at: str, by: FakeTwilio) -> tuple[dict[str, str], str]:
        # a copy: what a forger says of a message is not what Twilio knows of it
        copy = TakenMessage(**{**vars(each.taken)})
        return by.report(copy, status, at)

    def address(each: _Known, base: str = public) -> str:
        return f"{base}{STATUS_PATH}?m={each.id}"

    def unsigned(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], None]:
        return address(each), signed(each, status, address(each), twilio)[0], None

    def nonsense(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], str]:
        return address(each), signed(each, status, address(each), twilio)[0], "AAAA"

    def foreign(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], str]:
        return address(each), *signed(each, status, address(each), other)

    def changed_words(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], str]:
        form, signature = signed(each, "queued", address(each), twilio)
        return address(each), form | {"MessageStatus": status}, signature

    def for_another(each: _Known, another: _Known, status: str) -> tuple[str, dict[str, str], str]:
        form, signature = signed(another, status, address(another), twilio)
        return f"{address(each)}&x=1", form, signature

    def elsewhere(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], str]:
        at = address(each, "https://evil.example")
        return address(each), *signed(each, status, at, twilio)

    def in_the_open(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], str]:
        at = address(each, public.replace("https", "http"))
        return address(each), *signed(each, status, at, twilio)

    def without_id(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], str]:
        form, signature = signed(each, status, address(each), twilio)
        return public + STATUS_PATH, form, signature

    def more_fields(each: _Known, _: _Known, status: str) -> tuple[str, dict[str, str], str]:
        form, signature = signed(each, status, address(each), twilio)
        return address(each), form | {"More": "1"}, signature

    return [
        unsigned, nonsense, foreign, changed_words, for_another, elsewhere, in_the_open,
        without_id, more_fields,
    ]  # fmt: skip


def _handed_over(world: World, twilio: FakeTwilio) -> list[_Known]:
    """Eight messages of each life, accepted by the provider."""
    messages = [
        world.do(
            SYSTEM,
            queue,
            "sms.placement_expected",
            to=f"+3247000{number:04}",
            language="fr",
            reference="BCDFG",
            side=Side.VICTIMS,
            service="cpas-aywaille",
        )
        for number in range(8 * len(LIVES))
    ]
    gateway = FakeGateway()
    while deliver(world.system, gateway, "storm").handed_over:
        pass
    numbers = {code: f"SM{number}" for number, (_, _, code) in enumerate(gateway.accepted, 1)}
    return [
        _Known(
            message.id,
            twilio.take(message.recipient, message.body, sid=numbers[message.code]),
            LIVES[number % len(LIVES)],
        )
        for number, message in enumerate(messages)
    ]


def _post(
    client: TestClient[Litestar], path: str, form: dict[str, str], signature: str | None
) -> int:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if signature is not None:
        headers["X-Twilio-Signature"] = signature
    return client.post(path, content=urlencode(form), headers=headers).status_code


def _row(world: World, message_id: UUID) -> Message:
    return world.system.database.run(
        lambda s: s.exec(select(Message).where(col(Message.id) == message_id)).one(),
        read_only=True,
        sides=BOTH_SIDES,
    )


def _told_twice(world: World) -> int:
    """Alerts about messages that reached nobody, beyond one each."""
    lost = sum(1 for life in LIVES if any(code for _, code in life)) * 8
    raised = [alert for alert in world.all(Alert) if alert.kind is AlertKind.MESSAGE_FAILED]
    return max(0, len(raised) - lost)
