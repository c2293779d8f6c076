"""Cross-origin rules: an API's own answers to preflights, and the headers that it adds to functions' answers. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from lambdatui.api.proxy_results import Headers, Reply
from lambdatui.config.model import CorsConfig

_PREFIX = b"access-control-"


def rest_preflight(cors: CorsConfig, methods: tuple[str, ...]) -> Reply:
    """The mock integration that SAM puts on a path: the same headers for everybody. `methods`: those of the path."""
    headers = _list(b"access-control-allow-origin", cors.allow_origins or ("*",))
    headers += _list(b"access-control-allow-methods", cors.allow_methods or methods)
    headers += _list(b"access-control-allow-headers", cors.allow_headers)
    headers += _age_and_credentials(cors)
    return Reply(200, [(b"content-type", b"application/json"), *headers], b"{}\n")


def preflight(cors: CorsConfig, origin: str, method: str) -> Reply:
    """The answer of an HTTP API or function URL; bare where the rules do not allow it."""
    allowed = _origin(cors, origin)
    if allowed is None or not ({"*", method.upper()} & set(cors.allow_methods) or not cors.allow_methods):
        return Reply(204, [], b"")
    headers = _origin_headers(allowed)
    headers += _list(b"access-control-allow-methods", cors.allow_methods or ("*",))
    headers += _list(b"access-control-allow-headers", cors.allow_headers)
    headers += _list(b"access-control-expose-headers", cors.expose_headers)
    return Reply(204, headers + _age_and_credentials(cors), b"")


def with_cors(cors: CorsConfig, origin: str | None, reply: Reply) -> Reply:
    """The answer with the rules' headers in place of the function's own, as an HTTP API with rules does."""
    headers = [pair for pair in reply.headers if not pair[0].startswith(_PREFIX)]
    allowed = _origin(cors, origin) if origin else None
    if allowed is not None:
        headers += _origin_headers(allowed)
        headers += _list(b"access-control-expose-headers", cors.expose_headers)
        if cors.allow_credentials:
            headers.append((b"access-control-allow-credentials", b"true"))
    return reply._replace(headers=headers)


def _origin(cors: CorsConfig, origin: str) -> str | None:
    """What to answer for an origin: `*`, the origin itself, or nothing."""
    if "*" in cors.allow_origins:
        return origin if cors.allow_credentials else "*"
    lower = origin.lower()
    return origin if any(_allows(pattern.lower(), lower) for pattern in cors.allow_origins) else None


def _allows(pattern: str, origin: str) -> bool:
    """Exactly, or by the wildcard of `https://*`."""
    return pattern == origin or ("*" in pattern and "[" not in pattern and fnmatchcase(origin, pattern))


def _origin_headers(allowed: str) -> Headers:
    headers = [(b"access-control-allow-origin", allowed.encode("latin-1", "replace"))]
    return headers if allowed == "*" else [*headers, (b"vary", b"origin")]


def _age_and_credentials(cors: CorsConfig) -> Headers:
    headers: Headers = []
    if cors.max_age is not None:
        headers.append((b"access-control-max-age", str(cors.max_age).encode()))
    if cors.allow_credentials:
        headers.append((b"access-control-allow-credentials", b"true"))
    return headers


def _list(name: bytes, values: tuple[str, ...]) -> Headers:
    """One header; values that could end it are left out."""
    text = ",".join(value for value in values if value.isprintable())
    return [(name, text.encode("utf-8"))] if text else []
