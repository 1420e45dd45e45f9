"""The composition root: build the application from its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

import recsvc
from recsvc.api import dashboard, problems
from recsvc.api.access.authorization import Authorization
from recsvc.api.access.exposure import Exposure
from recsvc.api.access.first_key import prepare_keys
from recsvc.api.concurrency.admission import Admission
from recsvc.api.concurrency.request_pools import RequestPools, ThreadCounts
from recsvc.api.concurrency.shared_reads import SharedReads
from recsvc.api.long_polling import POLL_SECONDS
from recsvc.api.middleware.body_limit import BodyLimits
from recsvc.api.middleware.browser_guard import BrowserGuard
from recsvc.api.middleware.raw_path import RawPath
from recsvc.api.middleware.request_log import RequestLog
from recsvc.api.middleware.response_headers import ResponseHeaders
from recsvc.api.middleware.route_templates import RouteTemplates
from recsvc.api.openapi.app import DescribedApp, operation_id
from recsvc.api.routes import health
from recsvc.api.routes.access import audit, keys, login
from recsvc.api.routes.catalog import items, users
from recsvc.api.routes.diagnosis import diagnoses
from recsvc.api.routes.feedback import interactions, ratings
from recsvc.api.routes.imports import import_jobs
from recsvc.api.routes.jobs import job_events
from recsvc.api.routes.jobs.job_events import EventStreams
from recsvc.api.routes.models import evaluation_jobs, models
from recsvc.api.routes.recommendations import predictions, recommendations
from recsvc.api.routes.reference import finding_pages, problem_pages
from recsvc.api.routes.training import (
    error_curve,
    training_jobs,
    training_monitors,
    training_preview,
)
from recsvc.api.routes.tuning import sweeps
from recsvc.api.telemetry import routes as telemetry
from recsvc.api.telemetry.exposition import Installation, MetricsPage
from recsvc.api.telemetry.request_metrics import ProcessState, RequestMetrics
from recsvc.config import Settings, split_list
from recsvc.runtime import logs, parent_watch
from recsvc.runtime.sizes import MEGABYTE
from recsvc.runtime.user_hash import UserHash
from recsvc.service.access.key_ring import KeyRing
from recsvc.service.access.rate_limits import CountExchange, RateLimiter
from recsvc.service.context import Context, open_context
from recsvc.service.monitoring import FiguresReader, Sampler, measure_shelf
from recsvc.service.precompilation import precompile
from recsvc.service.readiness import Monitors
from recsvc.service.recommendations.model_server import ModelServer
from recsvc.service.training.capacity import CapacityMeter

DATABASE_SECONDS = 5.0  # between two reads of the metrics' figures
SHELF_SECONDS = 60.0

EXPOSED_HEADERS = [
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
]

# A path is matched from the top, so the routers with the most requests come first.
ROUTERS: tuple[APIRouter, ...] = (
    recommendations.router,
    predictions.router,
    ratings.router,
    interactions.router,
    users.router,
    items.router,
    import_jobs.router,
    training_jobs.router,
    training_jobs.cancel_router,
    training_preview.router,
    sweeps.router,
    error_curve.router,
    diagnoses.router,
    job_events.router,
    training_monitors.router,
    models.router,
    evaluation_jobs.router,
    keys.router,
    login.router,
    audit.router,
    health.router,
    telemetry.router,
    problem_pages.router,
    finding_pages.router,
    dashboard.router,
)


def app_from_environment(
    exposure: Exposure = Exposure.LOOPBACK, numbers: Path | None = None
) -> FastAPI:
    """Build the app of an API process."""
    settings = Settings()
    logs.configure(settings.log_level, hide_values=settings.hash_user_ids)
    logs.configure_libraries(settings.log_level, hide_values=settings.hash_user_ids)
    parent_watch.terminate_with_parent()
    return create_app(settings, exposure, numbers)


def create_app(
    settings: Settings, exposure: Exposure = Exposure.LOOPBACK, numbers: Path | None = None
) -> FastAPI:
    """Build the application. Its lifespan opens all resources.

    exposure  who can reach its socket: decides whether requests need an API key
    numbers   file of the metrics of this process; None for a process that is the only one
    """
    app = DescribedApp(
        title="recsvc",
        version=recsvc.__version__,
        summary="Ratings and interactions in, recommendations out.",
        lifespan=_lifespan,
        docs_url=None,  # the dashboard serves /docs without a CDN
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.settings = settings
    app.state.exposure = exposure
    app.state.shared_reads = SharedReads(POLL_SECONDS)
    app.state.event_streams = EventStreams(settings.max_event_streams)
    app.state.route_templates = RouteTemplates(app)
    app.state.metrics = RequestMetrics(numbers)
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    _wrap(app, settings)
    return app


def _wrap(app: FastAPI, settings: Settings) -> None:
    """Add the middleware; the last added is the outermost."""
    app.add_middleware(
        BodyLimits,
        max_body=int(settings.max_body_mb * MEGABYTE),
        max_upload=int(settings.max_upload_mb * MEGABYTE),
    )
    origins = split_list(settings.cors_origins)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )
    app.add_middleware(RawPath)
    app.add_middleware(
        BrowserGuard,
        allowed_hosts=split_list(settings.allowed_hosts),
        allowed_origins=origins,
    )
    app.add_middleware(
        Admission,
        wait_seconds=settings.request_wait_seconds,
        max_requests=settings.max_requests,
    )
    app.add_middleware(
        RequestLog,
        templates=app.state.route_templates,
        metrics=app.state.metrics,
        user_hash=UserHash.open(settings.home) if settings.hash_user_ids else None,
    )
    app.add_middleware(ResponseHeaders)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    wait = settings.request_wait_seconds
    threads = ThreadCounts(settings.read_threads, settings.write_threads)
    context = open_context(settings, connections=threads.connections, wait_seconds=wait)
    app.state.context = context
    precompile(settings.home)
    app.state.request_pools = RequestPools(context.database, wait, threads)
    app.state.request_pools.start()
    app.state.key_ring, limiter = KeyRing(context.database), RateLimiter(settings.rate_limit)
    prepare_keys(context.database, app.state.exposure, settings.api_key)
    app.state.key_ring.start()
    exchange = CountExchange(context.database, limiter, uuid4().hex)
    exchange.start()
    app.state.authorization = Authorization(
        app.state.key_ring,
        limiter,
        partial(app.state.request_pools.read, app.state.key_ring.read),
        exposure=app.state.exposure,
    )
    app.state.monitors = Monitors(context.database)
    app.state.monitors.start()
    app.state.model_server = ModelServer(context)
    app.state.capacity_meter = CapacityMeter(context)
    app.state.model_server.start()
    app.state.metrics.start(partial(_process_state, app))
    app.state.metrics_page = _metrics_page(app, context)
    try:
        yield
    finally:
        app.state.request_pools.stop()
        app.state.key_ring.stop()
        exchange.stop()
        app.state.monitors.stop()
        app.state.model_server.stop()
        app.state.metrics.stop()
        context.database.close()


def _process_state(app: FastAPI) -> ProcessState:
    server: ModelServer = app.state.model_server
    pool = app.state.context.database.pool_state()
    return ProcessState(
        served_version=server.version,
        load_failed=server.load_error is not None,
        connections_in_use=pool.in_use,
        connections_idle=pool.idle,
        connections_max=pool.maximum,
    )


def _metrics_page(app: FastAPI, context: Context) -> MetricsPage:
    monitors: Monitors = app.state.monitors
    installation = Installation(
        info=(recsvc.__version__, context.database.dialect),
        home=app.state.settings.home,
        database_ok=lambda: monitors.reads.state().ok,
        writes_ok=lambda: monitors.writes.state().ok,
        database=Sampler("figures", FiguresReader(context.database).read, DATABASE_SECONDS),
        shelf=Sampler("shelf", partial(measure_shelf, context.shelf), SHELF_SECONDS),
    )
    return MetricsPage(app.state.metrics, installation)
