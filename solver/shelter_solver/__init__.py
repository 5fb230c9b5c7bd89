"""An exact, verified and explained allocator of shelter places.

Data in (``Problem``), ``place`` one party, an ``Answer`` out: a few verified options with reasons,
or a refusal with the smallest changes that would help. ``verify`` re-checks any placement.
"""

from shelter_solver.files import answer_to_json, problem_from_json, problem_to_json
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
from shelter_solver.result import Answer, Change, Option, Reason, Refusal, Status, Violation
from shelter_solver.solve import place, warm_up
from shelter_solver.verify import verify, zoning_conflicts

__all__ = [
    "Agreement",
    "Answer",
    "Change",
    "Nights",
    "Option",
    "Party",
    "Person",
    "Point",
    "Problem",
    "ProblemError",
    "Reason",
    "Refusal",
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
    "place",
    "problem_from_json",
    "problem_to_json",
    "verify",
    "warm_up",
    "zoning_conflicts",
]
