"""Hours of the coming week in which nobody is on a service's first line: shown, and told once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta

from sqlmodel import col, select

from shelter import logs
from shelter.db.tables import User
from shelter.domain.alerts import AlertKind
from shelter.domain.rota import Duty, Span, gaps, local_instant, usual_hours, week_of
from shelter.domain.sides import SYSTEM
from shelter.services.alerts import raise_alert
from shelter.services.context import Shelter, Tx
from shelter.services.rota import side_of
from shelter.services.shifts import shifts_between, told

log = logs.get("jobs")

AHEAD = timedelta(days=7)
#: a service that had shifts within this time keeps a rota
KEEPS_A_ROTA = timedelta(days=28)
#: a gap that begins so soon is told to the coordinator, too
SOON = timedelta(hours=24)


def coming_gaps(tx: Tx, services: Collection[str]) -> Mapping[str, list[Span]]:
    """For each of these services the gaps that are not over within the coming week, in order.

    A service that the network file has around the clock is expected to be there at every hour,
    another at the hours of the week that it covered in the last four weeks. A gap that lasts
    already begins when it began, or with last week: its beginning names it.
    """
    zone = tx.network.timezone
    anchor = local_instant(week_of(tx.now.astimezone(zone).date()), time(), zone)
    start, end = anchor - timedelta(days=7), tx.now + AHEAD
    # a little further, so that a gap that begins within the week is told whole
    far = local_instant(end.astimezone(zone).date() + timedelta(days=2), time(), zone)
    always = {each.key for each in tx.network.services if each.around_the_clock}
    duties: dict[str, list[Duty]] = {service: [] for service in services}
    called = select(User.id, User.service).where(col(User.active).is_(True))
    there_still = set(tx.session.exec(called.where(col(User.service).in_(services))))
    for row in shifts_between(tx, services, tx.now - KEEPS_A_ROTA, far):
        if row.starts_at > tx.now and (row.user_id, row.service) not in there_still:
            continue  # whoever has left is on the rota and will not come
        span = Span(row.starts_at, row.ends_at)
        duties[row.service].append(Duty(row.user_id, row.line, span))
    return {
        service: [
            gap
            for wanted in _wanted(tx, there, start, far, always=service in always)
            for gap in gaps(there, wanted.start, wanted.end)
            if gap.end > tx.now and gap.start < end
        ]
        for service, there in duties.items()
    }


def _wanted(
    tx: Tx, duties: Collection[Duty], start: datetime, end: datetime, *, always: bool
) -> list[Span]:
    if always:
        return [Span(start, end)]
    past = [each for each in duties if each.span.start <= tx.now]
    return usual_hours(past, start, end, tx.network.timezone)


def watch_gaps(system: Shelter) -> int:
    """Raise an alert for each new gap, a transaction a service; for how many services it did."""

    def due(tx: Tx) -> list[str]:
        services = [each.key for each in tx.network.services]
        return [key for key, found in coming_gaps(tx, services).items() if found]

    done = 0
    for service in system.run(SYSTEM, due, read_only=True):
        try:
            done += system.run(SYSTEM, lambda tx, it=service: _tell(tx, it))  # type: ignore[misc]
        except Exception as error:
            log.error("watch.skipped", what="rota", row=service, error=logs.error_name(error))
    return done


def _tell(tx: Tx, service: str) -> bool:
    raised = False
    side = side_of(tx, service)
    for gap in coming_gaps(tx, (service,))[service]:
        whom = [service]
        if gap.start <= tx.now + SOON:
            whom.append(tx.network.coordinator)
        for each in dict.fromkeys(whom):
            alert = raise_alert(
                tx,
                AlertKind.ROTA_GAP,
                each,
                side=side,
                reference=told(tx, gap.start)[:5],
                occasion=f"rota:{service}:{gap.start.isoformat()}",
            )
            raised = raised or alert is not None
    return raised
