"""The OpenAPI document as it is kept: `python -m recsvc.api.openapi_export > docs/openapi.json`."""

import json
import sys

from fastapi import FastAPI

from recsvc.api.app import app_from_environment


def text_of(app: FastAPI) -> str:
    """Return the document, the same bytes every time: indented, one trailing newline."""
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text_of(app_from_environment()))  # building the app opens nothing
