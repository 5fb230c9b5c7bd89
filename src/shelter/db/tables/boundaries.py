"""The boundaries of communes, as a coordinator brought them: public facts, of no side."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import instant, json_column


class CommuneBoundary(SQLModel, table=True):
    __tablename__ = "commune_boundary"
    nis: str = Field(primary_key=True)
    #: rings of [longitude, latitude] in rounded degrees, drawn even-odd
    rings: list[list[list[float]]] = Field(sa_column=sa.Column(json_column(), nullable=False))
    imported_at: datetime = instant()
    imported_by: uuid.UUID = Field(foreign_key="app_user.id")
