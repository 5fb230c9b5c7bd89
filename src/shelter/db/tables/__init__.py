"""The tables. Never used as request or response models: those live in the API.

Every row about a person, place or message carries its ``side``, so that what a side may read is
one condition on one column. Identifiers are random: no count or order crosses the wall.
"""

import sqlalchemy as sa

from shelter.db.tables.alerts import Alert as Alert
from shelter.db.tables.alerts import AlertStep as AlertStep
from shelter.db.tables.audience import AudienceChange as AudienceChange
from shelter.db.tables.audience import KnownAddress as KnownAddress
from shelter.db.tables.cases import Request as Request
from shelter.db.tables.cases import SeparationRow as SeparationRow
from shelter.db.tables.columns import OneSided as OneSided
from shelter.db.tables.columns import PartlySided as PartlySided
from shelter.db.tables.columns import UtcDateTime as UtcDateTime
from shelter.db.tables.contacts import SafeContact as SafeContact
from shelter.db.tables.decisions import BreakGlass as BreakGlass
from shelter.db.tables.decisions import Override as Override
from shelter.db.tables.figures import Figure as Figure
from shelter.db.tables.messages import DeafPhone as DeafPhone
from shelter.db.tables.messages import InboundSeen as InboundSeen
from shelter.db.tables.messages import LocalInboxMessage as LocalInboxMessage
from shelter.db.tables.messages import Message as Message
from shelter.db.tables.orders import BarringOrder as BarringOrder
from shelter.db.tables.people import User as User
from shelter.db.tables.people import UserSession as UserSession
from shelter.db.tables.placements import OccupiedNight as OccupiedNight
from shelter.db.tables.placements import PlacementRow as PlacementRow
from shelter.db.tables.placements import StayRow as StayRow
from shelter.db.tables.places import Block as Block
from shelter.db.tables.places import NetworkRow as NetworkRow
from shelter.db.tables.places import ServiceRow as ServiceRow
from shelter.db.tables.places import Site as Site
from shelter.db.tables.places import Unit as Unit
from shelter.db.tables.records import AuditEntry as AuditEntry
from shelter.db.tables.records import AuditHead as AuditHead
from shelter.db.tables.records import IdempotencyKey as IdempotencyKey
from shelter.db.tables.rota import CalendarFeed as CalendarFeed
from shelter.db.tables.rota import Shift as Shift
from shelter.db.tables.rota import ShiftSwap as ShiftSwap
from shelter.db.tables.sign_in import LinkedIdentity as LinkedIdentity
from shelter.db.tables.sign_in import Passkey as Passkey
from shelter.db.tables.sign_in import RecoveryCode as RecoveryCode
from shelter.db.tables.sign_in import SignInStep as SignInStep
from shelter.db.tables.sign_in import SignInTries as SignInTries
from shelter.db.tables.sign_in import StepKind as StepKind

# A criterion for all one-sided tables is tried on their marker first, which has no column; set here
# because a field of a model may not shadow an attribute that its base already has.
OneSided.side = PartlySided.side = sa.column("side")  # type: ignore[assignment]
