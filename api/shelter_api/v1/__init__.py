"""The JSON API, version 1: a file per noun."""

from __future__ import annotations

from litestar import Router

from shelter_api.v1 import (
    alerts,
    audience,
    board,
    break_glass,
    contacts,
    inbox,
    looks,
    moves,
    network,
    orders,
    overrides,
    placements,
    requests,
    rota,
    session,
    sites,
)
from shelter_api.v1.common import REFUSALS, check_body

handlers = [
    *session.route_handlers,
    *network.route_handlers,
    *sites.route_handlers,
    *audience.route_handlers,
    *requests.route_handlers,
    *looks.route_handlers,
    *break_glass.route_handlers,
    *contacts.route_handlers,
    *orders.route_handlers,
    *overrides.route_handlers,
    *placements.route_handlers,
    *moves.route_handlers,
    *board.route_handlers,
    *alerts.route_handlers,
    *rota.route_handlers,
    *inbox.route_handlers,
]
for handler in handlers:
    handler.responses = REFUSALS

router = Router(path="/api/v1", before_request=check_body, route_handlers=handlers)
