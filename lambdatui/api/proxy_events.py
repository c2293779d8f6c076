"""HTTP requests as events in AWS's forms: payload 1.0 (REST APIs, HTTP APIs that ask for it), 2.0 (HTTP APIs, function
URLs) and a load balancer's. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from lambdatui.api.media_types import is_binary, is_text
from lambdatui.api.routes import Match
from lambdatui.config.addresses import DEFAULT_ROUTE

Event = dict[str, Any]


class Request(NamedTuple):
    """One HTTP request, whole. Header names are lower-case; `query` is raw."""

    method: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str  # "HTTP/1.1"
    now_us: int
    request_id: str
    account: str
    region: str

    def header(self, name: str) -> str | None:
        """The last value of a header, by its lower-case name."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


def event(request: Request, match: Match, authorizer: Event | None = None) -> Event:
    """The event in the form of the route; `authorizer` is what stands in its requestContext."""
    if match.route.kind == "alb":
        return _load_balancer(request, match)
    if payload_of(match) == "1.0":
        made = version_1(request, match, authorizer)
        made["body"], made["isBase64Encoded"] = _body_1(request, match)
    else:
        made = version_2(request, match, authorizer)
        if request.body:
            kind = request.header("content-type") or ""
            made["body"], made["isBase64Encoded"] = _by_content_type(request.body, kind)
        else:
            made["isBase64Encoded"] = False
    return made


def payload_of(match: Match) -> str:
    """The payload version of a route of API Gateway, or of a function URL."""
    if match.route.kind == "rest":
        return "1.0"
    return match.route.payload or "2.0"


def shown_path(match: Match) -> str:
    """The path as API Gateway's events have it, decoded. REST functions see base paths, HTTP functions stages too."""
    prefix = match.prefix if match.based or match.route.kind == "http" else ""
    return unquote(prefix + match.path)


def arn(request: Request, match: Match) -> str:
    """What an authorizer decides about: `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path`."""
    head = f"arn:aws:execute-api:{request.region}:{request.account}:{match.api.id}"
    return f"{head}/{match.api.config.stage}/{request.method}{match.path}"


def version_1(request: Request, match: Match, authorizer: Event | None = None) -> Event:
    """Payload 1.0 without a body."""
    route, config = match.route, match.api.config
    is_rest = route.kind == "rest"
    path = shown_path(match)
    headers = _several((_title(name), value) for name, value in request.headers)
    query = _several(parse_qsl(request.query, keep_blank_values=True))
    host = request.header("host") or "localhost"
    identity = {
        "accessKey": None,
        "accountId": None,
        "caller": None,
        "cognitoAuthenticationProvider": None,
        "cognitoAuthenticationType": None,
        "cognitoIdentityId": None,
        "cognitoIdentityPoolId": None,
        "principalOrgId": None,
        "sourceIp": request.source_ip,
        "user": None,
        "userAgent": request.header("user-agent"),
        "userArn": None,
    }
    if is_rest:
        identity["apiKey"] = request.header("x-api-key")
    context: Event = {
        "accountId": request.account,
        "apiId": match.api.id,
        "domainName": host,
        "domainPrefix": _label(host),
        "extendedRequestId": extended_id(request.request_id),
        "httpMethod": request.method,
        "identity": identity,
        "path": unquote(match.prefix + match.path),
        "protocol": request.protocol,
        "requestId": request.request_id,
        "requestTime": _time(request.now_us),
        "requestTimeEpoch": request.now_us // 1000,
        "resourceId": _short(route.path, 6) if is_rest else _route_key(match),
        "resourcePath": route.path if is_rest else _route_key(match),
        "stage": config.stage,
    }
    if is_rest:
        context["deploymentId"] = _short(match.api.id, 6)
    if authorizer is not None:
        context["authorizer"] = authorizer
    return ({} if is_rest else {"version": "1.0"}) | {
        "resource": path if route.path == DEFAULT_ROUTE else route.path,
        "path": path,
        "httpMethod": request.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": match.parameters or None,
        "stageVariables": config.stage_variables or None,
        "requestContext": context,
    }


def version_2(request: Request, match: Match, authorizer: Event | None = None) -> Event:
    """Payload 2.0 without a body. HTTP APIs decode the path, function URLs do not."""
    is_url = match.route.kind == "url"
    path = match.path if is_url else shown_path(match)
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    host = headers.get("host", "localhost")
    key = _route_key(match)
    shown: Event = {"version": "2.0", "routeKey": key, "rawPath": path, "rawQueryString": request.query}
    if cookies:
        shown["cookies"] = cookies
    shown["headers"] = headers
    query = _several(parse_qsl(request.query, keep_blank_values=True))
    if query:
        shown["queryStringParameters"] = {name: ",".join(values) for name, values in query.items()}
    if match.parameters:
        shown["pathParameters"] = match.parameters
    if match.api.config.stage_variables:
        shown["stageVariables"] = match.api.config.stage_variables
    shown["requestContext"] = {
        "accountId": request.account,
        "apiId": match.api.id,
        "domainName": host,
        "domainPrefix": _label(host),
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request.request_id,
        "routeKey": key,
        "stage": DEFAULT_ROUTE if is_url else match.api.config.stage,
        "time": _time(request.now_us),
        "timeEpoch": request.now_us // 1000,
    }
    if authorizer is not None:
        shown["requestContext"]["authorizer"] = authorizer
    return shown


def _load_balancer(request: Request, match: Match) -> Event:
    """Path and query as they came, not decoded; several values only where the target group asks for them."""
    group = f"targetgroup/{match.route.function}/{_short(match.route.function, 16)}"
    headers = _several(request.headers)
    pairs = (pair.partition("=") for pair in request.query.split("&") if pair)
    query = _several((name, value) for name, _, value in pairs)
    made: Event = {
        "requestContext": {
            "elb": {"targetGroupArn": f"arn:aws:elasticloadbalancing:{request.region}:{request.account}:{group}"}
        },
        "httpMethod": request.method,
        "path": match.path,
    }
    if match.route.multi_value:
        made |= {"multiValueQueryStringParameters": query, "multiValueHeaders": headers}
    else:
        made |= {"queryStringParameters": _last(query), "headers": _last(headers)}
    made["body"], made["isBase64Encoded"] = "", False
    if request.body:
        plain = request.header("content-encoding") is None
        kind = request.header("content-type") or "" if plain else "application/octet-stream"
        made["body"], made["isBase64Encoded"] = _by_content_type(request.body, kind)
    return made


def _body_1(request: Request, match: Match) -> tuple[str | None, bool]:
    """REST APIs: base64 for the binary media types alone, the rest is read as text, whatever becomes of it. An API
    whose settings nobody wrote down carries everything."""
    if not request.body:
        return None, False
    kind = request.header("content-type")
    if match.route.kind != "rest":
        return _by_content_type(request.body, kind or "")
    if not match.api.declared:
        return _text_or_base64(request.body)
    if is_binary(kind or "application/json", match.api.config.binary_types):
        return base64.b64encode(request.body).decode(), True
    return request.body.decode(errors="replace"), False


def _by_content_type(body: bytes, content_type: str) -> tuple[str, bool]:
    """Text types as text and everything else, forms too, in base64."""
    return _text_or_base64(body) if is_text(content_type) else (base64.b64encode(body).decode(), True)


def _text_or_base64(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _route_key(match: Match) -> str:
    route = match.route
    return DEFAULT_ROUTE if route.kind == "url" or route.path == DEFAULT_ROUTE else f"{route.method} {route.path}"


def extended_id(request_id: str) -> str:
    """The second id of a request: sixteen characters of base64 in API Gateway's manner."""
    return base64.b64encode(hashlib.sha256(request_id.encode()).digest()[:11]).decode()


def _short(text: str, length: int) -> str:
    """A short id that stays the same."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _several(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _last(values: dict[str, list[str]]) -> dict[str, str]:
    return {name: several[-1] for name, several in values.items()}


def _label(host: str) -> str:
    return host.partition(".")[0].partition(":")[0]


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _time(now_us: int) -> str:
    """`21/Nov/2026:14:31:09 +0000`."""
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now_us // 1_000_000))
