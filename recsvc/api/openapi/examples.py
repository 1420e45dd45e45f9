"""Examples for the bodies of the OpenAPI document, built from the examples of their fields."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

MEDIA_TYPES = ("application/json", "multipart/form-data")
EXAMPLE_TIME = "2026-06-01T12:00:00Z"
EXAMPLE_VALUES = {"string": "text", "integer": 1, "number": 0.5, "boolean": False, "null": None}


def add_examples(document: dict[str, Any]) -> None:
    """Add an example to each request and response body that has none."""
    for operations in document["paths"].values():
        for operation in operations.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (body.get("content", {}) for body in bodies):
                for kind in MEDIA_TYPES:
                    _complete(content.get(kind), document)


def example_of(schema: Schema, document: Schema) -> Any:  # noqa: ANN401 - any JSON value
    """Return an example of a schema: its own, or else one for its type."""
    if "$ref" in schema:
        return example_of(_resolve(schema["$ref"], document), document)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    if options := schema.get("anyOf") or schema.get("allOf"):
        return example_of(options[0], document)
    return _example_for_type(schema, document)


def _example_for_type(schema: Schema, document: Schema) -> Any:  # noqa: ANN401 - any JSON value
    match schema.get("type"):
        case "array":
            return [example_of(schema["items"], document)]
        case "object":
            properties = schema.get("properties", {})
            return {name: example_of(value, document) for name, value in properties.items()}
        case "string" if schema.get("format") == "date-time":
            return EXAMPLE_TIME
    return EXAMPLE_VALUES.get(schema.get("type", "null"))


def _complete(media: dict[str, Any] | None, document: Schema) -> None:
    if media and "example" not in media and "examples" not in media and "schema" in media:
        media["example"] = example_of(media["schema"], document)


def _resolve(reference: str, document: Schema) -> Schema:
    schemas: Schema = document["components"]["schemas"]
    found: Schema = schemas[reference.rpartition("/")[2]]
    return found
