"""The dashboard: one page with its modules and styles, which reads only the public API."""

import json
from functools import cache
from typing import Any

from fastapi import Request, Response

from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router
from recsvc.api.dashboard import assets, security_headers
from recsvc.epoch_metrics import CHARTS, Chart, metrics_of
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import DEFAULT_KIND, MACHINES, ModelKind
from recsvc.service.tuning.sweeps import range_test_hyperparameters

router = Router(requirement=OPEN)


@router.get("/")
async def get_dashboard(request: Request) -> Response:
    """Respond with the page. The fragment of the URL selects its view."""
    return assets.respond(request, assets.OWN, "index.html", security_headers.DASHBOARD)


@router.get("/dashboard/static/js/registers.js")
async def get_registers(request: Request) -> Response:
    """Respond with the module of the charts of epoch metrics and of the model kinds."""
    return assets.respond_asset(request, _registers())


@cache
def _registers() -> assets.Asset:
    registers = {
        "CHARTS": [_chart(chart) for chart in CHARTS],
        "MODEL_KINDS": {
            kind: _kind(kind) for kind in sorted(MACHINES, key=lambda kind: kind != DEFAULT_KIND)
        },
        "DEFAULT_KIND": DEFAULT_KIND,
    }
    lines = (
        f"export const {name} = {json.dumps(value, ensure_ascii=False)};\n"
        for name, value in registers.items()
    )
    return assets.asset_of("registers.js", "".join(lines).encode())


def _kind(kind: ModelKind) -> dict[str, Any]:
    """Return a model kind as the forms read it."""
    return {
        "summary": MACHINES[kind].summary,
        "learning_rate": Hyperparameters.defaults(kind).learning_rate,
        "range_test_epochs": range_test_hyperparameters(kind)["epochs"],
    }


def _chart(chart: Chart) -> dict[str, Any]:
    """Return a chart as js/metrics.js reads it; the first metric is drawn solid."""
    metrics = metrics_of(chart)
    return {
        "id": chart.id,
        "title": chart.title,
        "metrics": [metric.name for metric in metrics],
        "lines": [metric.line for metric in metrics],
        "baseline": chart.baseline,
    }


@router.get("/dashboard/static/{name:path}")
async def get_dashboard_file(request: Request, name: str) -> Response:
    """Respond with a module, a style sheet or the icon."""
    return assets.respond(request, assets.OWN, name)
