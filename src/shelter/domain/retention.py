"""How long each kind of data is kept, as the partners of a network agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shelter.domain.toml_reader import Table


class Kind(StrEnum):
    """What is purged, each counted from the day on which nothing needed it any more."""

    NOTES = "notes"  # free text: from the closing of its request
    MESSAGES = "messages"  # SMS: from when they were queued, while their request is closed
    ALERTS = "alerts"  # likewise
    SEPARATIONS = "separations"  # from the closing of the request that they protected
    PLACEMENTS = "placements"  # with stays and nights: from their end
    REQUESTS_WITHOUT_STAY = "requests_without_stay"  # from their closing
    REQUESTS_WITH_STAY = "requests_with_stay"
    SAFE_CONTACTS = "safe_contacts"  # a person's own number: from the closing of the request
    BARRING_ORDERS = "barring_orders"  # from when they were lifted or said to be over
    SHIFTS = "shifts"  # from their end
    KNOWN_ADDRESSES = "known_addresses"  # from the last night there
    AUDIENCE_CHANGES = "audience_changes"  # from the decision
    INBOUND_MESSAGES = "inbound_messages"
    IDEMPOTENCY_KEYS = "idempotency_keys"
    SESSIONS = "sessions"  # from when they ended
    SIGN_IN_GUESSES = "sign_in_guesses"
    AUDIT_ENTRIES = "audit_entries"


#: days, where a network file says nothing
USUAL: Mapping[Kind, int] = {
    Kind.NOTES: 7,
    Kind.MESSAGES: 30,
    Kind.ALERTS: 180,
    Kind.SEPARATIONS: 180,
    Kind.PLACEMENTS: 365,
    Kind.REQUESTS_WITHOUT_STAY: 90,
    Kind.REQUESTS_WITH_STAY: 365,
    Kind.SAFE_CONTACTS: 7,
    Kind.BARRING_ORDERS: 365,
    Kind.SHIFTS: 365,
    # how long somebody may remember where a site is; short would endanger who lives there next
    Kind.KNOWN_ADDRESSES: 1825,
    Kind.AUDIENCE_CHANGES: 1825,
    Kind.INBOUND_MESSAGES: 30,
    Kind.IDEMPOTENCY_KEYS: 2,
    Kind.SESSIONS: 7,
    Kind.SIGN_IN_GUESSES: 2,
    Kind.AUDIT_ENTRIES: 1095,
}
LONGEST = 3653
USUAL_BACKUPS = 35

#: shorter, longer, why: a file that contradicts these is refused
_NEVER_LONGER = (
    *(
        (part, Kind.REQUESTS_WITH_STAY, "they go with their request")
        for part in (Kind.MESSAGES, Kind.ALERTS, Kind.SEPARATIONS, Kind.PLACEMENTS)
    ),
    (Kind.NOTES, Kind.REQUESTS_WITHOUT_STAY, "free text goes first"),
    (Kind.NOTES, Kind.PLACEMENTS, "free text goes first"),
    (Kind.MESSAGES, Kind.INBOUND_MESSAGES, "an answer could be replayed to a message still known"),
)


@dataclass(frozen=True, slots=True)
class Retention:
    """Days by kind. ``backups`` is a promise of whoever keeps them; nothing here deletes one."""

    days: Mapping[Kind, int] = field(default_factory=lambda: dict(USUAL))
    #: days after which the last backup that holds something purged is destroyed
    backups: int = USUAL_BACKUPS

    def cutoff(self, kind: Kind, now: datetime) -> datetime:
        """What ended before this instant is due."""
        return now - timedelta(days=self.days[kind])


def read_retention(table: Table) -> Retention:
    """The ``[retention]`` of a network file: days by kind; what is left out is as usual."""
    days = {kind: table.integer(kind.value, 1, LONGEST, USUAL[kind]) for kind in Kind}
    backups = table.integer("backups", 0, LONGEST, USUAL_BACKUPS)
    if table.sound:
        for shorter, longer, why in _NEVER_LONGER:
            if days[shorter] > days[longer]:
                table.problem(
                    shorter.value if shorter.value in table.names else longer.value,
                    f"{shorter} are kept {days[shorter]} days and {longer} {days[longer]}: {why}",
                    f"keep {shorter} at most as long as {longer}",
                )
    return Retention(days, backups)
