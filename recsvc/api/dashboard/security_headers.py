"""Content-Security-Policy of the pages."""

_STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def _header(sources: dict[str, str]) -> dict[str, str]:
    directives = "; ".join(f"{name} {allowed}" for name, allowed in sources.items())
    return {"Content-Security-Policy": directives}


DASHBOARD = _header(_STRICT)
DOCS = _header(_STRICT | {"style-src": "'self' 'unsafe-inline'"})  # Swagger UI styles inline
