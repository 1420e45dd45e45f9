"""The dashboard: one page, its modules and its styles. It reads the public API and nothing else."""

from fastapi import Request, Response

from recsvc.api.concurrency.router import Router
from recsvc.api.dashboard import assets, security_headers

router = Router()


@router.get("/")
async def get_dashboard(request: Request) -> Response:
    """Answer with the page; which of its views is shown stands behind the address's #."""
    return assets.respond(request, assets.OWN, "index.html", security_headers.DASHBOARD)


@router.get("/dashboard/static/{name:path}")
async def get_dashboard_file(request: Request, name: str) -> Response:
    """Answer with a module, a style sheet or the icon."""
    return assets.respond(request, assets.OWN, name)
