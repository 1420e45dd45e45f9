"""The app that describes itself: OpenAPI 3.1 with every problem and an example for each body."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from recsvc import errors
from recsvc.api.openapi import responses
from recsvc.api.openapi.examples import add_examples
from recsvc.api.schemas import FieldError, Problem

TAGS = [
    {"name": "ratings", "description": "Who rated what, and how."},
    {"name": "interactions", "description": "Who viewed, put in a cart or bought what."},
    {"name": "items", "description": "The catalogue: titles, categories, prices."},
    {"name": "users", "description": "Erase what is known of a user."},
    {"name": "import jobs", "description": "Ratings and interactions from a file, with a report."},
    {"name": "training jobs", "description": "Learn a model; watch its error curve."},
    {"name": "sweeps", "description": "Many training jobs side by side, and the best of them."},
    {"name": "evaluation jobs", "description": "How good a model version is, measured again."},
    {"name": "models", "description": "Model versions: cards, publishing, rolling back."},
    {"name": "recommendations", "description": "What a user would like; how they would rate it."},
    {"name": "service", "description": "Is it alive, is it ready, how is it doing?"},
]
REFERENCE = "#/components/schemas/{model}"


def operation_id(route: APIRoute) -> str:
    """Name an operation after its function, verb_noun: what client generators call it."""
    return route.name


class DescribedApp(FastAPI):
    """A FastAPI whose document tells of the problems that every operation can answer with."""

    def openapi(self) -> dict[str, Any]:
        """Give the document, put together at first use."""
        if self.openapi_schema is None:
            self.openapi_schema = _build_document(self)
        return self.openapi_schema


def _build_document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description="Every error is an RFC 9457 problem; its `type` opens a page about it.",
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _add_common_problems(path, operation)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template=REFERENCE)
    schemas["Problem"].pop("$defs", None)
    schemas["FieldError"] = FieldError.model_json_schema(ref_template=REFERENCE)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    add_examples(document)
    return document


def _add_common_problems(path: str, operation: dict[str, Any]) -> None:
    kinds: list[type[errors.RecsvcError]] = []
    if "parameters" in operation or "requestBody" in operation:
        kinds.append(errors.MalformedRequest)
    if "requestBody" in operation:
        kinds += [errors.BodyTooLarge, errors.UnsupportedMedia]
    if path.startswith("/v1/"):
        kinds += [errors.DatabaseUnavailable, errors.ServiceBusy]
    said = operation["responses"]
    if "HTTPValidationError" in json.dumps(said.get("422", {})):
        del said["422"]
    for status, answer in responses.problem_responses(*kinds).items():
        _merge(said.setdefault(str(status), answer), answer)
    operation["responses"] = dict(sorted(said.items()))


def _merge(into: dict[str, Any], answer: dict[str, Any]) -> None:
    """Add the examples of one answer to another of the same status."""
    if into is answer:
        return
    for media_type, content in answer["content"].items():
        present = into.setdefault("content", {}).setdefault(media_type, content)
        present.setdefault("examples", {}).update(content["examples"])
