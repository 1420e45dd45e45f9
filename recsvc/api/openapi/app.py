"""The OpenAPI 3.1 document, with every problem and an example for each body."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from recsvc import errors
from recsvc.api.access.authorization import COOKIE
from recsvc.api.middleware.browser_guard import HEALTH_PATHS
from recsvc.api.openapi import responses
from recsvc.api.openapi.examples import add_examples
from recsvc.api.schemas import FieldError, Problem

TAGS = [
    {"name": "ratings", "description": "Ratings of items by users."},
    {"name": "interactions", "description": "Views, carts and purchases of items by users."},
    {"name": "items", "description": "The catalogue: titles, categories, prices."},
    {"name": "users", "description": "Erase the data of a user."},
    {
        "name": "import jobs",
        "description": "Import ratings and interactions from a file.",
    },
    {"name": "training jobs", "description": "Train a model and follow its error curve."},
    {"name": "sweeps", "description": "Run many training jobs and select the best."},
    {"name": "evaluation jobs", "description": "Evaluate a model version again."},
    {"name": "models", "description": "Model versions: read cards, publish, roll back."},
    {"name": "recommendations", "description": "Recommend items and predict ratings."},
    {"name": "keys", "description": "API keys, logins of the dashboard and the audit log."},
    {"name": "service", "description": "Health, readiness and metrics."},
]
SECURITY_SCHEMES = {
    "bearerKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key as `Authorization: Bearer KEY`. Each operation lists the scope "
        "that it requires; `admin` includes the others. On a loopback address no key is needed "
        "until the first one is created.",
    },
    "headerKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key in a header of its own.",
    },
    "login": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The cookie of `POST /v1/login`. Changes also need its token as "
        "`X-CSRF-Token`.",
    },
}
# Responses that many operations have, by their name in the document.
CHANGE_ERRORS = (errors.CrossSiteRequest, errors.InvalidCsrfToken)
SHARED_RESPONSES: dict[str, tuple[type[errors.RecsvcError], ...]] = {
    "Unauthenticated": (
        errors.KeyMissing,
        errors.KeyUnknown,
        errors.KeyRevoked,
        errors.KeyExpired,
        errors.LoginExpired,
    ),
    "Forbidden": (errors.ScopeMissing,),
    "ForbiddenChange": (errors.ScopeMissing, *CHANGE_ERRORS),
    "HostNotAllowed": (errors.HostNotAllowed,),
    "RateLimited": (errors.RateLimited,),
}
REFERENCE = "#/components/schemas/{model}"


def operation_id(route: APIRoute) -> str:
    """Return the name of the route's function, verb_noun, which client generators use."""
    return route.name


class DescribedApp(FastAPI):
    """A FastAPI whose document lists the problems of every operation."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, which is built at first use."""
        if self.openapi_schema is None:
            self.openapi_schema = _build_document(self)
        return self.openapi_schema


def _build_document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description="Every error is an RFC 9457 problem; its `type` is the path of a page.",
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _add_common_problems(path, method, operation)
    document.setdefault("components", {})["securitySchemes"] = SECURITY_SCHEMES
    document["components"]["responses"] = {
        name: response
        for name, kinds in SHARED_RESPONSES.items()
        for response in responses.problem_responses(*kinds).values()
    }
    schemas = document["components"].setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template=REFERENCE)
    schemas["Problem"].pop("$defs", None)
    schemas["FieldError"] = FieldError.model_json_schema(ref_template=REFERENCE)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    add_examples(document)
    return document


def _add_common_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    kinds: list[type[errors.RecsvcError]] = []
    if method == "post":
        kinds.append(errors.UnsupportedMedia)
    if "parameters" in operation or "requestBody" in operation:
        kinds.append(errors.MalformedRequest)
    if "requestBody" in operation:
        kinds += [errors.BodyTooLarge, errors.UnsupportedMedia]
    if path.startswith("/v1/"):
        kinds += [errors.DatabaseUnavailable, errors.ServiceBusy]
        if method != "get":
            kinds.append(errors.StorageFull)
    described = operation["responses"]
    if "HTTPValidationError" in json.dumps(described.get("422", {})):
        del described["422"]
    for status, response in responses.problem_responses(*kinds).items():
        _merge(described.setdefault(str(status), response), response)
    _refer_to_shared(path, method, operation)
    operation["responses"] = dict(sorted(described.items()))


def _refer_to_shared(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add the responses of missing keys, scopes and limits, and of foreign hosts and sites."""
    is_keyed, is_change = bool(operation.get("security")), method != "get"
    names = {
        "401": is_keyed and "Unauthenticated",
        "403": "ForbiddenChange" if is_change else is_keyed and "Forbidden",
        "421": path not in HEALTH_PATHS and "HostNotAllowed",
        "429": is_keyed and "RateLimited",
    }
    for status, name in names.items():
        if name:
            operation["responses"].setdefault(status, {"$ref": f"#/components/responses/{name}"})


def _merge(into: dict[str, Any], response: dict[str, Any]) -> None:
    """Add the examples of one response to another of the same status."""
    if into is response:
        return
    for media_type, content in response["content"].items():
        present = into.setdefault("content", {}).setdefault(media_type, content)
        present.setdefault("examples", {}).update(content["examples"])
