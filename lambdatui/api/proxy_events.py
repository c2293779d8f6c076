"""HTTP requests as events: payload 1.0 for REST APIs, 2.0 for HTTP APIs and function URLs. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import time
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from lambdatui.api.routes import Match

REST_STAGE = "Prod"
HTTP_STAGE = "$default"
API_ID = "local"
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
_TEXT_SUFFIXES = ("+json", "+xml")


class Request(NamedTuple):
    """One HTTP request, whole. Header names are lower-case; `query` is raw."""

    method: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str  # "HTTP/1.1"
    now_us: int


def event(request: Request, match: Match, request_id: str, account: str) -> dict[str, Any]:
    """The event in the payload form of the route's kind."""
    if match.route.kind == "rest":
        return _version_1(request, match, request_id, account)
    return _version_2(request, match, request_id, account)


def _version_1(request: Request, match: Match, request_id: str, account: str) -> dict[str, Any]:
    path = unquote(match.path)
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(_title(name), []).append(value)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    agent = headers.get("User-Agent", [None])[-1]
    host = headers.get("Host", ["localhost"])[-1]
    body, encoded = _text_or_base64(request.body)
    return {
        "resource": match.route.path,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": match.parameters or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": account,
            "apiId": API_ID,
            "domainName": host,
            "domainPrefix": host.partition(".")[0].partition(":")[0],
            "extendedRequestId": request_id,
            "httpMethod": request.method,
            "identity": {
                "accessKey": None,
                "accountId": None,
                "apiKey": None,
                "caller": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": request.source_ip,
                "user": None,
                "userAgent": agent,
                "userArn": None,
            },
            "path": f"/{REST_STAGE}{path}",
            "protocol": request.protocol,
            "requestId": request_id,
            "requestTime": _time(request.now_us),
            "requestTimeEpoch": request.now_us // 1000,
            "resourceId": "local",
            "resourcePath": match.route.path,
            "stage": REST_STAGE,
        },
        "body": body or None,
        "isBase64Encoded": encoded,
    }


def _version_2(request: Request, match: Match, request_id: str, account: str) -> dict[str, Any]:
    is_url = match.route.kind == "url"
    path = match.path if is_url else unquote(match.path)
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    host = headers.get("host", "localhost")
    key = HTTP_STAGE if is_url or match.route.path == HTTP_STAGE else f"{match.route.method} {match.route.path}"
    shown: dict[str, Any] = {"version": "2.0", "routeKey": key, "rawPath": path, "rawQueryString": request.query}
    if cookies:
        shown["cookies"] = cookies
    shown["headers"] = headers
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    if query:
        shown["queryStringParameters"] = query
    if match.parameters:
        shown["pathParameters"] = match.parameters
    shown["requestContext"] = {
        "accountId": account,
        "apiId": API_ID,
        "domainName": host,
        "domainPrefix": host.partition(".")[0].partition(":")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": key,
        "stage": HTTP_STAGE,
        "time": _time(request.now_us),
        "timeEpoch": request.now_us // 1000,
    }
    if request.body:
        shown["body"], shown["isBase64Encoded"] = _by_content_type(request.body, headers.get("content-type", ""))
    else:
        shown["isBase64Encoded"] = False
    return shown


def _by_content_type(body: bytes, content_type: str) -> tuple[str, bool]:
    """Payload 2.0 carries text types as text and everything else, forms too, in base64."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith(_TEXT_TYPES) or kind.endswith(_TEXT_SUFFIXES):
        return _text_or_base64(body)
    return base64.b64encode(body).decode(), True


def _text_or_base64(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _time(now_us: int) -> str:
    """`21/Nov/2026:14:31:09 +0000`."""
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now_us // 1_000_000))
