"""Path templates of all routes, for metric labels and for the Allow header."""

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Scope

UNMATCHED = "unmatched"


class RouteTemplates:
    """Route templates with their prefixes, which `scope["route"]` lacks; read at first use."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._templates: dict[Callable[..., Any], str] = {}
        self._methods: list[tuple[re.Pattern[str], set[str]]] = []

    def template(self, scope: Scope) -> str:
        """Return the template of a request's route, such as `/v1/users/{user_id}/ratings`."""
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return UNMATCHED
        self._read()
        return self._templates.get(endpoint, UNMATCHED)

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path supports, sorted."""
        self._read()
        supported = [methods for pattern, methods in self._methods if pattern.match(path)]
        return sorted(set().union(*supported))

    def _read(self) -> None:
        if self._methods:
            return
        for route in iter_route_contexts(self._app.routes):
            if route.endpoint is None or route.path_format is None:
                continue
            self._templates.setdefault(route.endpoint, route.path_format)
            self._methods.append((route.path_regex, route.methods or set()))
