"""Every column that holds something encrypted, so that a rotation forgets none."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import SQLModel

from shelter.db.tables import Request, SafeContact, Site, User


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column that ``Keyring.encrypt`` fills. The table's primary key is its UUID ``id``."""

    model: type[SQLModel]
    column: str

    @property
    def table(self) -> sa.Table:
        found: sa.Table = self.model.__table__  # type: ignore[attr-defined]
        return found

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.column}"


SEALED: tuple[SealedColumn, ...] = (
    SealedColumn(Site, "location"),
    SealedColumn(Request, "places"),
    SealedColumn(Request, "note"),
    SealedColumn(User, "totp_secret"),
    SealedColumn(User, "totp_pending"),
    SealedColumn(SafeContact, "phone"),
)

#: columns of bytes that are no secret, and why
OPEN: dict[str, str] = {
    "passkey.public_key": "a public key; its private half never leaves the device",
}
