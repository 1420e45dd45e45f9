"""The documentation of the API in Swagger UI, from the package `fastapi-offline`."""

from fastapi import Request, Response

from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router
from recsvc.api.dashboard import assets, security_headers
from recsvc.errors import RouteNotFound

router = Router(requirement=OPEN)

SWAGGER = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})


@router.get("/docs")
async def get_docs(request: Request) -> Response:
    """Respond with the page, which reads /openapi.json."""
    return assets.respond(request, assets.OWN, "docs.html", security_headers.DOCS)


@router.get("/docs/assets/{name}")
async def get_docs_file(request: Request, name: str) -> Response:
    """Respond with a file of Swagger UI."""
    if name not in SWAGGER:
        raise RouteNotFound(request.url.path)
    return assets.respond(request, assets.folder_of("fastapi_offline", "static"), name)
