"""Loading a sample set of sites and users: fictitious, and only into an empty network."""

from __future__ import annotations

from datetime import timedelta

import pyotp
from sqlmodel import col, select

from shelter.db.tables import ServiceRow, Shift, Site, User
from shelter.domain.errors import Conflict
from shelter.domain.rota import Duty, local_span, week_of
from shelter.domain.sample_file import Sample
from shelter.services import second_factor
from shelter.services.context import Tx
from shelter.services.hashing import hash_password
from shelter.services.shifts import add_row
from shelter.services.sites import SiteInput, add_site
from shelter.services.units import UnitInput, add_unit


def load_sample(tx: Tx, sample: Sample, password: str) -> None:
    """Fill an empty network. Raises Conflict where there already is a site or a user.

    All sample users share ``password``; in a demonstration those who need a code app have one.
    """
    for table in (Site, User):
        if tx.session.exec(select(table.id).limit(1)).first() is not None:
            raise Conflict("not_empty")
    for service, phone in sample.duty_phones.items():
        tx.session.add(ServiceRow(key=service, duty_phone=phone, updated_at=tx.now))
    hashed = hash_password(password)
    for each in sample.users:
        user = User(
            login=each.login,
            name=each.name,
            password_hash=hashed,
            role=each.role,
            side=each.side,
            service=each.service,
            phone=each.phone,
            language=each.language,
            created_at=tx.now,
        )
        tx.session.add(user)
        if tx.system.settings.demo and user.role in second_factor.REQUIRED_OF:
            # the sign-in page of a demonstration shows its present code
            second_factor.install_app(tx, user, pyotp.random_base32())
    for site in sample.sites:
        row = add_site(
            tx,
            SiteInput(
                name=site.name,
                commune=site.commune,
                address=site.address,
                lat=site.point.lat,
                lon=site.point.lon,
                places=tuple(sorted(site.places)),
                contact_phone=site.contact_phone,
                contact_language=site.contact_language,
                description=site.description or "",
            ),
            side=site.audience,
            service=site.service,
        )
        for unit in site.units:
            add_unit(
                tx,
                row.id,
                UnitInput(
                    label=unit.label,
                    beds=unit.beds,
                    cots=unit.cots,
                    sharing=unit.sharing,
                    admits=unit.admits,
                    step_free=unit.step_free,
                    pets=unit.pets,
                    quiet=unit.quiet,
                    supervision=unit.supervision,
                    intake_from=unit.intake_from,
                    intake_until=unit.intake_until,
                    cleaning_nights=unit.cleaning_nights,
                    max_stay_nights=unit.max_stay_nights,
                    renewals=unit.renewals,
                ),
            )
    tx.record("sample.load", "network", sites=len(sample.sites), users=len(sample.users))


def load_shifts(tx: Tx, sample: Sample) -> None:
    """Put the sample's people on duty this week and next, where nobody has written a rota."""
    ahead = select(Shift.id).where(col(Shift.ends_at) > tx.now).limit(1)
    if tx.session.exec(ahead).first() is not None:
        return
    zone = tx.network.timezone
    monday = week_of(tx.now.astimezone(zone).date())
    users = {user.login: user for user in tx.session.exec(select(User))}
    for shift in sample.shifts:
        user = users.get(shift.login)
        if user is None or user.service is None:
            continue
        for day in (monday + timedelta(days=n) for n in range(-1, 14)):
            span = local_span(day, shift.begins, shift.ends, zone)
            if span.end > tx.now:
                add_row(tx, user.service, user, Duty(user.id, shift.line, span))
