"""An exact, verified and explained allocator of shelter places.

Data in (``Problem``), one of four doors, an answer out: ``place`` one party, ``make_room`` for it
by agreed moves, ``replan`` a whole network, ``what_if`` its places were others. ``verify``
re-checks any placement in other code.
"""

from shelter_solver.problem import (
    Agreement,
    Nights,
    Party,
    Person,
    Point,
    Problem,
    ProblemError,
    Separation,
    Sharing,
    Side,
    Site,
    Stay,
    Unit,
    Zone,
    Zoning,
    distance_m,
)
from shelter_solver.replan import Comparison, replan, what_if
from shelter_solver.result import (
    Answer,
    Change,
    HouseholdMove,
    Level,
    Option,
    Progress,
    Reason,
    Refusal,
    Room,
    Schedule,
    Status,
    Violation,
)
from shelter_solver.room import make_room
from shelter_solver.solve import place, warm_up
from shelter_solver.tools.files import (
    ResultFile,
    answer_to_json,
    problem_from_json,
    problem_to_json,
    result_from_json,
    result_to_json,
)
from shelter_solver.tools.picture import schedule_svg
from shelter_solver.tools.render import full, safe
from shelter_solver.tools.schema import problem_schema, result_schema
from shelter_solver.verify import verify, zoning_conflicts

__all__ = [
    "Agreement",
    "Answer",
    "Change",
    "Comparison",
    "HouseholdMove",
    "Level",
    "Nights",
    "Option",
    "Party",
    "Person",
    "Point",
    "Problem",
    "ProblemError",
    "Progress",
    "Reason",
    "Refusal",
    "ResultFile",
    "Room",
    "Schedule",
    "Separation",
    "Sharing",
    "Side",
    "Site",
    "Status",
    "Stay",
    "Unit",
    "Violation",
    "Zone",
    "Zoning",
    "answer_to_json",
    "distance_m",
    "full",
    "make_room",
    "place",
    "problem_from_json",
    "problem_schema",
    "problem_to_json",
    "replan",
    "result_from_json",
    "result_schema",
    "result_to_json",
    "safe",
    "schedule_svg",
    "verify",
    "warm_up",
    "what_if",
    "zoning_conflicts",
]
