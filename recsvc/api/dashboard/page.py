"""The dashboard: one page with its modules and styles, which reads only the public API."""

from fastapi import Request, Response

from recsvc.api.concurrency.router import Router
from recsvc.api.dashboard import assets, security_headers

router = Router()


@router.get("/")
async def get_dashboard(request: Request) -> Response:
    """Respond with the page. The fragment of the URL selects its view."""
    return assets.respond(request, assets.OWN, "index.html", security_headers.DASHBOARD)


@router.get("/dashboard/static/{name:path}")
async def get_dashboard_file(request: Request, name: str) -> Response:
    """Respond with a module, a style sheet or the icon."""
    return assets.respond(request, assets.OWN, name)
