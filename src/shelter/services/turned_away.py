"""What a refusal is called when nothing helped: derived from its rules, decided by the worker."""

from __future__ import annotations

from shelter.domain.requests import Outcome
from shelter.domain.sides import Side
from shelter_solver.result import Refusal

#: nothing is free there, or ever was for this household's side
NOT_FREE = frozenset(
    {"nights", "audience", "closed", "kept_back", "occupied", "capacity", "cleaning"}
)
#: something is free that this household cannot live in
NOT_FITTING = frozenset(
    {
        "together", "change_of_unit", "admits", "beds", "cots", "step_free", "pets", "quiet",
        "supervision", "intake_hours", "max_stay", "shared_gender",
    }
)  # fmt: skip
#: something is free that would put somebody in danger
NOT_SAFE = frozenset(
    {"excluded_site", "excluded_place", "danger_zone", "zoning", "excluded_commune", "separation"}
)


def outcome_of(refusal: Refusal, side: Side) -> Outcome:
    """The coded reason that a refusal comes to.

    ``Refusal.together`` holds the sets of rules that leave nothing even if all others were lifted.
    So where one has to do with what is free alone, nothing was free; where one speaks of needs
    besides, something was and did not fit; else what was free and fitted was not safe.

    To the perpetrator side safety is never the reason: what is not safe there is not free for them.
    """
    sets = [frozenset(rules) for rules in refusal.together]
    if not sets or any(rules <= NOT_FREE for rules in sets):
        return Outcome.NO_PLACE
    if any(rules <= NOT_FREE | NOT_FITTING for rules in sets):
        return Outcome.NEEDS_NOT_MET
    return Outcome.NO_SAFE_PLACE if side is Side.VICTIMS else Outcome.NO_PLACE
