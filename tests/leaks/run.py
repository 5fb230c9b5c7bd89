"""The attack on many victims, one after the other, in a process of its own."""

from __future__ import annotations

import logging
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from unittest import mock

import structlog

from leaks.attack import ROUND, Attacker, Seen
from leaks.country import THEIR_PHONES, Country
from leaks.victims import Victims
from leaks.ways import Http, Services, Way
from shelter.db.rows import Rows
from shelter.domain.sides import BOTH_SIDES
from shelter.services import context
from shelter_solver.problem import Problem
from support.jobs import run_jobs
from support.postgres import PostgresServer
from support.postgres import running_server as running_postgres
from support.server import client_of
from support.world import FakeGateway, World

#: one victim in so many is asked about over HTTP, the others in the services
HTTP_EVERY = 20
#: hours that pass between two rounds: a night, a day, an evening
HOURS = (9.0, 14.0, 5.0, 21.0)
#: how often something happens on the victim side between two questions
MEANWHILE = 0.03


@dataclass(frozen=True, slots=True)
class Case:
    """What was seen of one victim, and where the victim was in each round."""

    number: int
    over_http: bool
    process: int
    where: tuple[int, ...]
    seen: Seen


@contextmanager
def a_build_that_leaks() -> Iterator[None]:
    """The control: the perpetrator side's reader sees both sides, so separations bind it, too.

    Doors stand one behind the other, and all are taken out: the transaction's sides (on PostgreSQL
    its policies), the rows that decide, and what the solver looks at.
    """
    everything = classmethod(lambda cls, session, _side: cls(session, BOTH_SIDES))
    with (
        mock.patch.object(context, "may_depend_on", return_value=BOTH_SIDES),
        mock.patch.object(Rows, "that_may_decide_for", everything),
        mock.patch.object(Problem, "seen_by", lambda self, _side: self),
    ):
        yield


def attack(
    numbers: list[int],
    *,
    rounds: int,
    process: int = 0,
    leaking: bool = False,
    postgres: bool = False,
    seed: int = 0,
) -> Iterator[Case]:
    """Attack the victims of these numbers, in an order drawn by chance."""
    chance = random.Random(f"{seed}:{process}:{leaking}")
    numbers = chance.sample(numbers, len(numbers))
    with ExitStack() as stack:
        server: PostgresServer | None = None
        if postgres:
            server = stack.enter_context(running_postgres())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shelter-leaks-"))
        country = Country(Path(folder), server)
        country.fill()
        with country.world() as world:
            client = stack.enter_context(client_of(world))
        if leaking:
            stack.enter_context(a_build_that_leaks())
        for number in numbers:
            with country.world() as world:
                over_http = number % HTTP_EVERY == 0
                way: Way = Http(client, world) if over_http else Services(world)
                attacker = Attacker(way, world, country)
                where = _one(world, country, attacker, random.Random(f"{seed}:{number}"), rounds)
                case = Case(number, over_http, process, where, attacker.seen)
            yield case


def in_a_process(
    found: Queue[Case],
    enough: Event,
    numbers: list[int],
    rounds: int,
    process: int,
    leaking: bool,
    postgres: bool,
    seed: int,
) -> None:
    """``attack`` in a process of its own: hands over each victim, until it is told ``enough``."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for case in attack(
        numbers, rounds=rounds, process=process, leaking=leaking, postgres=postgres, seed=seed
    ):
        found.put(case)
        if enough.is_set():
            return


def _one(
    world: World, country: Country, attacker: Attacker, chance: random.Random, rounds: int
) -> tuple[int, ...]:
    gateway, sent = FakeGateway(), 0
    victims = Victims(world, country, chance)
    where = []
    # drawn beforehand: when something happens must not hang on how many questions there are
    busy = {turn for turn in range(rounds * ROUND) if chance.random() < MEANWHILE}

    def between() -> None:
        if len(attacker.seen.seconds) in busy:
            victims.meanwhile()

    attacker.between = between
    for number in range(rounds):
        if number:
            victims.between_rounds()
        where.append(victims.where)
        attacker.round(number)
        world.clock.forward(hours=HOURS[number % len(HOURS)])
        run_jobs(world.system, gateway)
        ours = [(to, body) for to, body, _ in gateway.accepted[sent:] if to in THEIR_PHONES]
        attacker.note_messages(sorted(ours))
        sent = len(gateway.accepted)
    return tuple(where)
