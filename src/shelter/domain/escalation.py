"""The ``[escalation]`` of a network file: who is told of an alert that nobody answers, and when."""

from __future__ import annotations

from datetime import timedelta

from shelter.domain.alerts import AlertKind, Escalation, Step, Tell
from shelter.domain.messages import Channel
from shelter.domain.toml_reader import Table

MOST_STEPS = 12
_MINUTE = timedelta(minutes=1)
_WEEK = 7 * 24 * 60


def read_escalation(table: Table) -> Escalation:
    """Lists of steps: ``urgent``, ``calm``, and kinds of alert that have their own."""
    usual = Escalation()
    return Escalation(
        urgent=_steps(table, "urgent") or usual.urgent,
        calm=_steps(table, "calm") or usual.calm,
        kinds={kind: steps for kind in AlertKind if (steps := _steps(table, kind.value))},
    )


def _steps(table: Table, key: str) -> tuple[Step, ...]:
    """The steps under ``key``; none where the file says nothing."""
    steps: list[Step] = []
    for row in table.tables(key, needed=False):
        step = Step(
            after=_MINUTE * row.integer("after_minutes", 0, _WEEK),
            tell=row.member("tell", Tell),
            channel=row.member("by", Channel),
        )
        if not row.sound:
            continue
        if not steps and step.after:
            row.problem("after_minutes", "the first step is not at once", "write 0")
        if steps and step.after < steps[-1].after:
            row.problem("after_minutes", "is before the step above it", "put steps in their order")
        if len(steps) == MOST_STEPS:
            row.problem("after_minutes", f"is step {MOST_STEPS + 1}", f"keep {MOST_STEPS}")
        steps.append(step)
    return tuple(steps)
