"""The composition root: everything is put together here, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread
from litestar import Litestar, Router
from litestar.config.compression import CompressionConfig
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.middleware.compression import CompressionMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig

import shelter_solver
from shelter import logs, settings
from shelter.cli import open_system
from shelter.domain.errors import ShelterError
from shelter.jobs.ticker import Ticker
from shelter.messaging.gateway import Gateway
from shelter.services.context import Shelter
from shelter.services.gateways import gateway_of
from shelter_api import call_webhooks, errors, health, metrics, pages, v1, webhooks
from shelter_api.access import check_access, public
from shelter_api.auth import Authentication
from shelter_api.observe import Observe
from shelter_api.pages.rendering import set_up_templates

HERE = Path(__file__).parent
MAX_BODY = 256 * 1024
#: as many as the database's pool has connections
THREADS = 40


def create_app(system: Shelter | None = None, gateway: Gateway | None = None) -> Litestar:
    """Build the application. Tests hand in their own system, with a clock that they move."""
    if system is None:
        config = settings.load()
        logs.configure(config.log_level)
        system = open_system(config)
    running = system

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        # handlers run in this pool; the default has six threads on two cores, and a few that wait
        # for a lock or a password would hold everybody up
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(THREADS, thread_name_prefix="shelter")
        )
        await to_thread.run_sync(shelter_solver.warm_up)
        ticker = None
        if running.settings.worker_inside:
            ticker = Ticker(running, gateway or gateway_of(running))
            ticker.start()
        yield
        if ticker is not None:
            await to_thread.run_sync(ticker.stop)
        running.database.dispose()

    app = Litestar(
        route_handlers=[
            v1.router,
            *pages.route_handlers,
            *webhooks.route_handlers,
            *call_webhooks.route_handlers,
            *health.route_handlers,
            *metrics.route_handlers,
            create_static_files_router(
                "/static",
                [HERE / "static"],
                cache_control=CacheControlHeader(max_age=3600, public=True),
                # here alone: the length of a compressed page would tell of what stands in it
                middleware=[
                    DefineMiddleware(CompressionMiddleware, config=CompressionConfig("gzip"))
                ],
                **public(),
            ),
        ],
        guards=[check_access],
        middleware=[DefineMiddleware(Authentication)],
        exception_handlers={
            ShelterError: errors.on_refusal,
            HTTPException: errors.on_http_error,
            Exception: errors.on_defect,
        },
        lifespan=[lifespan],
        request_max_body_size=MAX_BODY,
        template_config=TemplateConfig(
            directory=HERE / "templates",
            engine=JinjaTemplateEngine,
            engine_callback=set_up_templates,
        ),
        openapi_config=_openapi(),
        logging_config=None,
        debug=False,
    )
    app.state.system = running
    for name, schema in app.openapi_schema.components.schemas.items():
        # as the models do: no field but those named; a problem may bring more
        if schema.properties and name != "Problem":
            schema.additional_properties = False
    # around the router too: an unknown path or a wrong method is answered with the same headers
    app.asgi_handler = Observe(app.asgi_handler, secure=running.settings.secure)
    return app


def _openapi() -> OpenAPIConfig:
    router: Any = Router(path="/api/v1/schema", route_handlers=[], **public())
    return OpenAPIConfig(
        title="Shelter",
        version="1",
        description="Emergency places: availability, requests, options, placements, alerts.",
        openapi_router=router,
        render_plugins=[JsonRenderPlugin()],
        components=Components(
            security_schemes={"session": SecurityScheme(type="http", scheme="bearer")}
        ),
        security=[{"session": []}],
        create_examples=False,
    )
