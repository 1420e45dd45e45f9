"""The route of the metrics."""

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router, runs_on
from recsvc.api.telemetry.exposition import MetricsPage
from recsvc.service.access.scopes import Scope

router = Router(tags=["service"], requirement=Requirement(Scope.ADMIN, is_open_locally=True))


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Read the metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text format.",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": "recsvc_http_request_duration_seconds_count"
                    '{method="GET",route="/livez",status="200"} 1.0\n',
                }
            },
        }
    },
)
@runs_on("service")
def get_metrics(request: Request) -> Response:
    """Return the metrics of all API processes of the service, its jobs, model and database.

    Any process answers for all. docs/reference/metrics.md lists them.
    """
    page: MetricsPage = request.app.state.metrics_page
    return Response(page.render(), media_type=CONTENT_TYPE_LATEST)
