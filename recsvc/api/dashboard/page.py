"""The dashboard: one page with its modules and styles, which reads only the public API."""

import json
from functools import cache
from typing import Any

from fastapi import Request, Response

from recsvc.api.concurrency.router import Router
from recsvc.api.dashboard import assets, security_headers
from recsvc.epoch_metrics import CHARTS, Chart, metrics_of

router = Router()


@router.get("/")
async def get_dashboard(request: Request) -> Response:
    """Respond with the page. The fragment of the URL selects its view."""
    return assets.respond(request, assets.OWN, "index.html", security_headers.DASHBOARD)


@router.get("/dashboard/static/js/epoch-metrics.js")
async def get_epoch_metrics(request: Request) -> Response:
    """Respond with the module that lists the charts of the register of metrics."""
    return assets.respond_asset(request, _epoch_metrics())


@cache
def _epoch_metrics() -> assets.Asset:
    charts = json.dumps([_chart(chart) for chart in CHARTS], ensure_ascii=False)
    return assets.asset_of("epoch-metrics.js", f"export const CHARTS = {charts};\n".encode())


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
