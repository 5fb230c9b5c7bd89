"""What somebody must know, and who."""

from __future__ import annotations

from enum import StrEnum


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
    }
)
