"""Burned sites: places that somebody dangerous to a victim knows, having been promised there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlmodel import col

from shelter.db.rows import Rows
from shelter.db.tables import KnownAddress, Request, Site
from shelter.domain.sides import Side


def burned_sites(rows: Rows, requests: Sequence[Request]) -> Mapping[UUID, frozenset[str]]:
    """Sites that are burned for a victim: a perpetrator whom it is kept from once was there.

    That is everybody of the victim's own case, of a case that it is kept apart from, and of a case
    that is kept apart from it. A site can get so far only by serving the other side by now.
    """
    there: dict[str, set[str]] = {}
    #: by a case that somebody who was there was to be kept apart from
    stated: dict[str, set[str]] = {}
    query = (
        rows.select(KnownAddress)
        .join(Site, col(Site.id) == KnownAddress.site_id)
        .where(
            col(KnownAddress.side) == Side.PERPETRATORS,
            col(Site.side) == Side.VICTIMS,
        )
    )
    for known in rows.session.exec(query):
        if known.case_hash is not None:
            there.setdefault(known.case_hash, set()).add(str(known.site_id))
        for case in known.apart_from:
            stated.setdefault(case, set()).add(str(known.site_id))
    if not there and not stated:
        return {}
    victims = [request for request in requests if request.side is Side.VICTIMS]
    apart = {r.id: {r.case_hash} for r in victims}
    for row in rows.separations([request.id for request in victims]):
        apart[row.request_id].add(row.other_case_hash)
    cases = {case for each in apart.values() for case in each if case is not None}
    for row, case in rows.separations_from(cases):
        for request in victims:
            if request.case_hash == row.other_case_hash:
                apart[request.id].add(case)
    return {
        request.id: frozenset(stated.get(request.case_hash or "", ())).union(
            *(there.get(case or "", ()) for case in apart[request.id])
        )
        for request in victims
    }
