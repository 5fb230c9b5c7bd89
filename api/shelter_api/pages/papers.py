"""Papers to print: a placement's agreement and handover sheet, and the duty sheet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath

from shelter.domain.sides import Role, Side
from shelter.paper.agreement import agreement_pdf
from shelter.paper.duty_sheet import duty_sheet_pdf
from shelter.paper.handover import handover_pdf
from shelter.services import duty_sheets, papers
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.pages.common import Call, read, system_of

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR)


@get(
    "/placements/{placement_id:uuid}/agreement.pdf",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*READERS),
)
def agreement(request: Call, placement_id: FromPath[UUID]) -> Response[bytes]:
    """With the address for those who may open it: then this is a look, and noted as one."""
    language = language_of(request)
    it = read(request, lambda tx: papers.agreement(tx, placement_id, language))
    return _file(agreement_pdf(it, language), f"agreement-{it.code}")


@get(
    "/placements/{placement_id:uuid}/handover.pdf",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*READERS),
)
def handover(request: Call, placement_id: FromPath[UUID]) -> Response[bytes]:
    language = language_of(request)
    it = read(request, lambda tx: papers.handover(tx, placement_id, language))
    return _file(handover_pdf(it, language), f"handover-{it.code}")


@get("/duty/sheet.pdf", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def duty_sheet(request: Call) -> Response[bytes]:
    """Tonight, of the reader's side; a coordinator names one: never both on one sheet."""
    language, reader = language_of(request), request.user
    named = request.query_params.get("side")
    side = Side(named) if named in set(Side) else None
    narrowed = duty_sheets.on_one_side(reader, side)
    # what two-sided people look at is told to the victim side alone
    told = reader.side or Side.VICTIMS
    system_of(request).run(
        reader, lambda tx: tx.record("duty_sheet.print", f"service:{reader.service}", side=told)
    )

    def look(tx: Tx) -> bytes:
        sheet = duty_sheets.sheet(tx, two_sided=reader.side is None)
        return duty_sheet_pdf(sheet, tx.network, language)

    content = system_of(request).run(narrowed, look, read_only=True)
    return _file(
        content, "duty-sheet" if reader.side is not None else f"duty-sheet-{narrowed.side}"
    )


def _file(content: bytes, name: str) -> Response[Any]:
    headers = {"Content-Disposition": f'attachment; filename="shelter-{name}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


route_handlers = (agreement, handover, duty_sheet)
