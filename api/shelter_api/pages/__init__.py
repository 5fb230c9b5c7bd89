"""Server-rendered pages. They work without scripts; every text comes from the catalogues."""

from litestar import Router
from litestar.di import Provide

from shelter_api.pages import (
    account,
    alerts,
    audience,
    board,
    break_glass,
    calendar,
    contacts,
    duty,
    home,
    leave,
    looks,
    message_texts,
    messages,
    moves,
    orders,
    overrides,
    placements,
    requests,
    rota,
    session,
    sites,
    units,
)
from shelter_api.pages.forms import form_of

route_handlers = (
    Router(
        "/",
        dependencies={"form": Provide(form_of)},
        route_handlers=[
            *session.route_handlers,
            *account.route_handlers,
            *home.route_handlers,
            *leave.route_handlers,
            *requests.route_handlers,
            *looks.route_handlers,
            *break_glass.route_handlers,
            *contacts.route_handlers,
            *orders.route_handlers,
            *overrides.route_handlers,
            *placements.route_handlers,
            *moves.route_handlers,
            *board.route_handlers,
            *sites.route_handlers,
            *audience.route_handlers,
            *units.route_handlers,
            *alerts.route_handlers,
            *rota.route_handlers,
            *calendar.route_handlers,
            *duty.route_handlers,
            *messages.route_handlers,
            *message_texts.route_handlers,
        ],
    ),
)
