"""Two hundred questions, the same for every victim: what was answered, and how long it took."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from leaks.country import COMMUNES, Country, nis
from leaks.ways import Answer, Way
from shelter.domain.sides import Side
from support.world import World

#: a round asks about every commune, and does ten other things
ROUND = 2 * COMMUNES + 10
_RANDOM = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[B-DF-HJ-NP-TV-Z2-9]{5}\b"
)


@dataclass
class Seen:
    """What the attacker has in hand about one victim. Arrays are by round, then by commune."""

    #: the first option is in the commune that was asked about; any is; the number of options
    first: list[list[float]] = field(default_factory=list)
    offered: list[list[float]] = field(default_factory=list)
    options: list[list[float]] = field(default_factory=list)
    #: seconds that saying the wish, and the options, took, each by both clocks
    wish_s: list[list[tuple[float, float]]] = field(default_factory=list)
    options_s: list[list[tuple[float, float]]] = field(default_factory=list)
    #: of each answer, without what is random in it; and which of them are about which commune
    answers: list[str] = field(default_factory=list)
    seconds: list[tuple[float, float]] = field(default_factory=list)
    about: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Attacker:
    """Somebody of the perpetrator side who knows the map, the rules, and how the program works."""

    way: Way
    world: World
    country: Country
    seen: Seen = field(default_factory=Seen)
    between: Callable[[], None] = lambda: None
    _numbers: dict[str, int] = field(default_factory=dict)
    _request: Any = None

    def round(self, number: int) -> None:
        """Fifty questions."""
        self.way.sign_in()
        for rows in (self.seen.first, self.seen.offered, self.seen.options):
            rows.append([0.0] * COMMUNES)
        for durations in (self.seen.wish_s, self.seen.options_s):
            durations.append([(0.0, 0.0)] * COMMUNES)
        offer: Any = None
        for turn in range(COMMUNES):
            commune = (turn * 7 + number * 3) % COMMUNES
            offer = self._about(number, turn, commune) or offer
        self._other_things(number, offer)

    def note_messages(self, sent: list[tuple[str, str]]) -> None:
        """The SMS that came to telephones of this side since the last time."""
        self.seen.answers.append(self._digest("sms", sent))

    def _about(self, number: int, turn: int, commune: int) -> Any:
        """Say a wish for one commune (in every second round: that no other will do), and ask."""
        others = tuple(nis(each) for each in range(COMMUNES) if each != commune)
        wish = {"prefer_communes": (nis(commune),), "avoid_communes": others if number % 2 else ()}
        if turn % 5 == 0:
            said = self._ask("ask", None, number, commune, **wish)
        else:
            version = self._request["version"]
            said = self._ask("amend", self._request["id"], number, commune, version=version, **wish)
        self.seen.wish_s[number][commune] = said.seconds
        if said.status == "ok":
            self._request = said.said
        answer = self._ask("options", self._request["id"], number, commune)
        self.seen.options_s[number][commune] = answer.seconds
        if answer.status != "ok":
            return None
        communes = [option["stays"][0]["commune"] for option in answer.said["options"]]
        self.seen.first[number][commune] = float(communes[:1] == [nis(commune)])
        self.seen.offered[number][commune] = float(nis(commune) in communes)
        self.seen.options[number][commune] = float(len(communes))
        return answer.said

    def _other_things(self, number: int, offer: Any) -> None:
        request = self._request["id"]
        guessed = self.country.units[Side.VICTIMS][(number * 5) % COMMUNES][0]
        tonight = date.fromisoformat(self._request["first_night"])
        wrong: dict[str, Any] = {
            "unit_id": guessed,
            "first_night": tonight,
            "end_night": _later(tonight, 3),
        }
        self._ask("hold", request, **wrong)  # a unit of the other side, guessed by its identifier
        held = None
        if offer is not None and offer["options"]:
            stay = offer["options"][0]["stays"][0]
            first, end = (date.fromisoformat(stay[it]) for it in ("first_night", "end_night"))
            held = self._ask(
                "hold", request, unit_id=UUID(stay["unit_id"]), first_night=first, end_night=end
            )
        if held is not None and held.status == "ok":
            placement, until = held.said["id"], date.fromisoformat(held.said["end_night"])
            if number % 2 == 0:
                self._ask("release", placement)
            else:
                self._ask("confirm", placement)
                self._ask("extend", placement, end_night=_later(until, 4))
                if number % 4 == 1:
                    self._ask("cancel", placement)
                else:
                    self._ask("arrive", placement)
                    self._ask("depart", placement)
        self._ask("history", request)
        # a round has as many questions whatever was answered, so that the same one has one number
        left = (number + 1) * ROUND - len(self.seen.seconds)
        lists = ("board", "requests", "alerts", "messages")[:left]
        for name in lists:
            self._ask(name, None)
        for _ in range(left - len(lists)):
            self._ask("close", request)  # refused, once it is closed: an answer, too

    def _ask(
        self, name: str, target: Any, number: int = -1, commune: int = -1, **given: Any
    ) -> Answer:
        self.between()
        self.world.clock.forward(seconds=1)  # so that lists have an order that is not chance
        answer = self.way.call(name, UUID(str(target)) if target else None, given)
        self.seen.answers.append(self._digest(name, [answer.status, answer.said]))
        self.seen.seconds.append(answer.seconds)
        self.seen.about.append((number, commune))
        return answer

    def _digest(self, name: str, said: Any) -> str:
        """The same for two answers that say the same, whatever is random in them."""
        text = json.dumps([name, said], sort_keys=True, default=str, ensure_ascii=False)

        def numbered(match: re.Match[str]) -> str:
            return f"#{self._numbers.setdefault(match[0], len(self._numbers))}"

        return hashlib.sha256(_RANDOM.sub(numbered, text).encode()).hexdigest()[:12]


def _later(day: date, nights: int) -> date:
    return day + timedelta(days=nights)
