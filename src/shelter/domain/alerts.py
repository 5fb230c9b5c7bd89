"""What somebody must know, and who."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from shelter.domain.messages import Channel


class AlertKind(StrEnum):
    PLACEMENT_CONFIRMED = "placement_confirmed"
    PERPETRATOR_PLACED = "perpetrator_placed"
    REVIEW_WANTED = "review_wanted"  # the network reviews every placement of this side
    SEPARATION_BROKEN = "separation_broken"  # victim side and SAPV only, ever
    NO_PLACE_FOUND = "no_place_found"
    NO_SHOW = "no_show"
    ARRIVAL_MISSED = "arrival_missed"
    STAY_ENDS = "stay_ends"
    AVAILABILITY_STALE = "availability_stale"
    MESSAGE_FAILED = "message_failed"
    GLASS_BROKEN = "glass_broken"  # victim side and SAPV only, ever
    OVERRIDE_ASKED = "override_asked"  # a second person must answer; two-sided services only
    AUDIENCE_ASKED = "audience_asked"  # a second person must look at a site's change of side
    ZONING_REFUSED_OFTEN = "zoning_refused_often"  # somebody may be looking for where a site is
    PERPETRATOR_ABSENT = "perpetrator_absent"  # victim side and SAPV only: not where they were
    SITE_DECLINED = "site_declined"  # its contact says that it cannot take whom it was promised
    ORDER_SERVED = "order_served"  # a barring order (ITR) was notified
    ORDER_ENDS = "order_ends"  # in three days
    ORDER_LIFTED = "order_lifted"
    ORDER_EXTENDED = "order_extended"
    DUTY_PHONE_DEAF = "duty_phone_deaf"  # it opted out of our messages
    ROTA_GAP = "rota_gap"  # nobody is on duty at some time in the coming week
    CONTACT_RECHECK = "contact_recheck"  # is a housed person's safe contact still safe?
    NOTHING_DELIVERED = "nothing_delivered"  # no message has arrived for a while


#: alerts that may not wait for the morning: their SMS ignores quiet hours
URGENT = frozenset(
    {
        AlertKind.PLACEMENT_CONFIRMED,
        AlertKind.PERPETRATOR_PLACED,
        AlertKind.REVIEW_WANTED,
        AlertKind.SEPARATION_BROKEN,
        AlertKind.NO_PLACE_FOUND,
        AlertKind.ARRIVAL_MISSED,
        AlertKind.GLASS_BROKEN,
        AlertKind.OVERRIDE_ASKED,
        AlertKind.PERPETRATOR_ABSENT,
        AlertKind.SITE_DECLINED,
        AlertKind.ORDER_SERVED,
        AlertKind.ORDER_LIFTED,
        AlertKind.DUTY_PHONE_DEAF,
        AlertKind.NOTHING_DELIVERED,
    }
)


class Tell(StrEnum):
    """Whom a step of an escalation tells."""

    DUTY = "duty"  # who is first on duty, else the service's duty phone
    NEXT = "next"  # the next number of the service that no step has tried
    COORDINATOR = "coordinator"


class StepEnd(StrEnum):
    """How a step ended."""

    TOLD = "told"
    NOBODY = "nobody"  # there was no such number: the next step came at once
    ANSWERED = "answered"  # somebody had answered before it was due


@dataclass(frozen=True, slots=True)
class Step:
    """``after`` the alert was raised, tell somebody by some way."""

    after: timedelta
    tell: Tell
    channel: Channel


_MINUTE = timedelta(minutes=1)
#: where a network file says nothing
USUAL_URGENT = (
    Step(0 * _MINUTE, Tell.DUTY, Channel.SMS),
    Step(3 * _MINUTE, Tell.NEXT, Channel.SMS),
    Step(6 * _MINUTE, Tell.DUTY, Channel.VOICE),
    Step(10 * _MINUTE, Tell.NEXT, Channel.VOICE),
    Step(15 * _MINUTE, Tell.COORDINATOR, Channel.SMS),
    Step(20 * _MINUTE, Tell.COORDINATOR, Channel.VOICE),
)
USUAL_CALM = (
    Step(0 * _MINUTE, Tell.DUTY, Channel.SMS),
    Step(24 * 60 * _MINUTE, Tell.DUTY, Channel.SMS),
    Step(48 * 60 * _MINUTE, Tell.COORDINATOR, Channel.SMS),
)


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told of an alert that nobody answers, and when. Static configuration."""

    urgent: tuple[Step, ...] = USUAL_URGENT
    calm: tuple[Step, ...] = USUAL_CALM
    #: kinds that have steps of their own
    kinds: Mapping[AlertKind, tuple[Step, ...]] = field(default_factory=dict)

    def steps_of(self, kind: AlertKind) -> tuple[Step, ...]:
        """In order of time; the first is at once."""
        return self.kinds.get(kind) or (self.urgent if kind in URGENT else self.calm)
