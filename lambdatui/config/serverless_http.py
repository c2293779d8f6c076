"""HTTP events of serverless.yml as SAM's: http, httpApi, alb and function URLs, with their APIs and authorizers."""

from __future__ import annotations

import re

from lambdatui.config.apis import normal_method
from lambdatui.config.intrinsics import as_written
from lambdatui.config.model import RouteConfig
from lambdatui.config.serverless_service import (
    Service,
    copied,
    function_id,
    listed,
    made,
    mapping,
    put,
    ref,
    renamed,
    text,
    texts,
    truth,
)
from lambdatui.config.serverless_support import HTTP, HTTP_API
from lambdatui.config.yaml_lines import Map, Seq, Text, Value

REST = "ApiGatewayRestApi"
HTTP_ID = "HttpApi"
# What the framework allows where `cors: true` names nothing.
_HEADERS = (
    "Content-Type",
    "X-Amz-Date",
    "Authorization",
    "X-Api-Key",
    "X-Amz-Security-Token",
    "X-Amz-User-Agent",
    "X-Amzn-Trace-Id",
)
_PROXY = {"lambda-proxy", "aws-proxy", "aws_proxy", "lambda_proxy"}
_CORS = {
    "allowedOrigins": "AllowOrigins",
    "allowedHeaders": "AllowHeaders",
    "allowedMethods": "AllowMethods",
    "exposedResponseHeaders": "ExposeHeaders",
    "allowCredentials": "AllowCredentials",
    "maxAge": "MaxAge",
}
_IAM = "AWS_IAM"
Event = tuple[str, Map]  # type and properties of a SAM event


def http_event(service: Service, key: str, value: Value, line: int | None, route_id: str) -> Event | None:
    """`http: GET /orders` or its long form: a route of the service's REST API."""
    values = _route(value, line)
    service.check_keys(values, HTTP, f"{key}, event http", key)
    method, path = text(values, "method"), text(values, "path")
    if method is None or path is None:
        service.problems.warning(
            f"{key}, event http: it names no {'method' if method is None else 'path'}",
            "Write it as http: GET /orders.",
            line=line,
            function=key,
        )
        return None
    api = _rest_api(service, line)
    properties = made(line, Path=Text(path, line), Method=Text(method, line), RestApiId=ref(REST, line))
    auth = Map(line)
    if values.get("authorizer") is not None:
        name = _rest_authorizer(service, api, values["authorizer"], values.line_of("authorizer"))
        if name is not None:
            put(auth, "Authorizer", Text(name, line), line)
    if truth(values, "private"):
        put(auth, "ApiKeyRequired", Text("true", line, True), values.line_of("private"))
    if auth:
        put(properties, "Auth", auth, line)
    if values.get("cors") is not None and text(values, "cors") != "false":
        _allow(api, values["cors"], method, line)
    integration = (text(values, "integration") or "lambda-proxy").lower()
    asynchronous = truth(values, "async") is True
    if integration not in _PROXY or asynchronous:
        kind = "AWS, asynchronous" if asynchronous else {"lambda": "AWS"}.get(integration, integration.upper())
        reason = f"REST method with a non-proxy integration ({kind}): not served; use lambda-proxy"
        service.refused[route_id] = reason
        service.problems.warning(
            f"{key}: {method.upper()} {path}: {reason}",
            f"Invoke the function directly: lambdatui invoke {key} -e FILE.",
            line=values.line_of("async" if asynchronous else "integration"),
            function=key,
        )
    return "Api", properties


def _route(value: Value, line: int | None) -> Map:
    """`GET /orders` as its long form."""
    if isinstance(value, Map):
        value.line = value.line or line
        return value
    if not isinstance(value, str):
        return Map(line)
    method, _, path = as_written(value).strip().partition(" ")
    if method == "*" and not path:
        return Map(line)
    return made(line, method=Text(method, line), path=Text(path.strip(), line) if path.strip() else None)


def _rest_api(service: Service, line: int | None) -> Map:
    given = mapping(service.provider, "apiGateway")
    properties = made(
        line,
        Name=Text(f"{service.stage}-{service.name}"),
        StageName=Text(text(given, "stage") or service.stage),
        BinaryMediaTypes=given.get("binaryMediaTypes") or mapping(service.custom, "apigwBinary").get("types"),
    )
    return service.add(REST, "AWS::Serverless::Api", properties, service.provider.line_of("apiGateway"))


def _allow(api: Map, cors: Value, method: str, line: int | None) -> None:
    """Add what one event allows to what its API allows: SAM's form has one CORS an API."""
    values = cors if isinstance(cors, Map) else Map(line)
    origins = texts(values.get("origins")) or [text(values, "origin") or "*"]
    headers = texts(values.get("headers")) or list(_HEADERS)
    if (single := text(values, "headers")) is not None:
        headers = [word.strip() for word in single.split(",")]
    methods = texts(values.get("methods")) or ["OPTIONS", normal_method(method).replace("ANY", "*")]
    known = copied(mapping(api, "Cors"))
    for name, words in (("AllowOrigin", origins), ("AllowHeaders", headers), ("AllowMethods", methods)):
        before = (text(known, name) or "").strip("'")
        merged = dict.fromkeys([*before.split(","), *(part.strip() for word in words for part in word.split(","))])
        put(known, name, Text("'" + ",".join(word for word in merged if word) + "'", line), line)
    if truth(values, "allowCredentials"):
        put(known, "AllowCredentials", Text("true", line, True), line)
    if (age := text(values, "maxAge")) is not None:
        put(known, "MaxAge", Text(f"'{age}'", line), line)
    put(api, "Cors", known, line)


def _rest_authorizer(service: Service, api: Map, value: Value, line: int | None) -> str | None:
    """The name of a route's authorizer, which is added to the API where it is new."""
    values = value if isinstance(value, Map) else None
    if values is None:
        written = as_written(value) if isinstance(value, str) else ""
        if written.upper() == _IAM:
            return _IAM
        values = made(line, **{"arn" if written.startswith("arn:") else "name": Text(written, line)})
    kind = (text(values, "type") or "token").lower()
    if kind == "aws_iam":
        return _IAM
    own = _declared(service, values.get("authorizerId"), "AWS::ApiGateway::Authorizer")
    if own is not None:
        return own
    target = values.get("arn")
    written = text(values, "arn") or ""
    name = text(values, "name") or written.rpartition(":")[2] or text(values, "authorizerId") or "authorizer"
    if target is None:
        target = Text(name, line) if name in service.functions else values.get("authorizerId")
    if target is None:
        service.problems.warning(
            f"the authorizer {name} is no function of this service: requests pass without it",
            "Name a function of serverless.yml.",
            line=line,
        )
        return None
    if kind == "cognito_user_pools" or ":cognito-idp:" in written or "cognito" in kind:
        body = made(line, UserPoolArn=target)
    else:
        sources = (text(values, "identitySource") or "method.request.header.Authorization").split(",")
        request = kind == "request"
        identity = _identity(sources, line)
        if not request:
            headers = texts(identity.get("Headers")) or ["Authorization"]
            identity = made(line, Header=Text(headers[0], line))
            put(identity, "ValidationExpression", values.get("identityValidationExpression"), line)
        put(identity, "ReauthorizeEvery", values.get("resultTtlInSeconds"), line)
        body = made(
            line,
            FunctionArn=_asked(service, target),
            FunctionPayloadType=Text("REQUEST" if request else "TOKEN", line),
            Identity=identity,
        )
    _add_authorizer(api, name, body, line)
    return name


def _asked(service: Service, target: Value) -> Value:
    """A function of the service by its name alone: a reference from its API would be a circle where the function
    names the API, and to the framework it is none (authorizers are resources of their own)."""
    parts = target.get("Fn::GetAtt") if isinstance(target, Map) else None
    if isinstance(parts, Seq) and parts:
        key = next((key for key in service.functions if function_id(key) == parts[0]), None)
        return target if key is None else Text(key, parts.line)
    return target


def _declared(service: Service, reference: Value, kind: str) -> str | None:
    """The logical id of an authorizer among the file's resources, whose reader adds it to its API."""
    logical_id = text(reference, "Ref") if isinstance(reference, Map) else None
    return logical_id if logical_id and text(mapping(service.resources, logical_id), "Type") == kind else None


def _identity(sources: list[str], line: int | None) -> Map:
    """`method.request.header.X` and `$request.querystring.y` as SAM's lists."""
    result = Map(line)
    names = {
        "header": "Headers",
        "querystring": "QueryStrings",
        "stagevariables": "StageVariables",
        "context": "Context",
    }
    for source in sources:
        plain = source.strip().removeprefix("$").removeprefix("method.").removeprefix("request.")
        head, _, rest = plain.partition(".")
        name = names.get(head.lower())
        if name and rest:
            found = result.get(name)
            put(result, name, listed(line, *(found if isinstance(found, Seq) else ()), Text(rest, line)), line)
    return result


def _add_authorizer(api: Map, name: str, body: Map, line: int | None) -> None:
    auth = copied(mapping(api, "Auth"))
    authorizers = copied(mapping(auth, "Authorizers"))
    if name not in authorizers:
        put(authorizers, name, body, line)
        put(auth, "Authorizers", authorizers, line)
        put(api, "Auth", auth, line)


# HTTP APIs


def http_api_event(service: Service, key: str, value: Value, line: int | None) -> Event:
    """`httpApi: GET /orders`, `*` or its long form: a route of the service's HTTP API."""
    values = _route(value, line)
    service.check_keys(values, HTTP_API, f"{key}, event httpApi", key)
    method, path = text(values, "method"), text(values, "path")
    api = _http_api(service, line)
    given = mapping(service.provider, "httpApi")
    properties = made(
        line,
        ApiId=ref(HTTP_ID, line),
        PayloadFormatVersion=given.get("payload"),
    )
    if path is not None and path != "*":
        put(properties, "Path", Text(path, line), values.line_of("path"))
        put(properties, "Method", Text(method or "*", line), values.line_of("method"))
    if values.get("authorizer") is not None:
        name = _http_authorizer(service, api, values["authorizer"], values.line_of("authorizer"))
        if name is not None:
            put(properties, "Auth", made(line, Authorizer=Text(name, line)), values.line_of("authorizer"))
    if _cors_is_simple(given):
        _allow_method(api, method or "*", line)
    return "HttpApi", properties


def _http_api(service: Service, line: int | None) -> Map:
    given = mapping(service.provider, "httpApi")
    properties = made(line, Name=Text(text(given, "name") or f"{service.stage}-{service.name}"))
    if _cors_is_simple(given):
        put(properties, "CorsConfiguration", _any_site(line), given.line_of("cors"))
    elif isinstance(given.get("cors"), Map):
        cors = renamed(mapping(given, "cors"), _CORS)
        for key, default in (("AllowOrigins", ("*",)), ("AllowHeaders", _HEADERS), ("AllowMethods", ("*",))):
            if key not in cors:
                put(cors, key, _words(default, line), line)
        put(properties, "CorsConfiguration", cors, given.line_of("cors"))
    return service.add(HTTP_ID, "AWS::Serverless::HttpApi", properties, service.provider.line_of("httpApi"))


def _cors_is_simple(given: Map) -> bool:
    return truth(given, "cors") is True


def _any_site(line: int | None) -> Map:
    return made(line, AllowOrigins=_words(("*",), line), AllowHeaders=_words(_HEADERS, line))


def _words(words: tuple[str, ...], line: int | None) -> Seq:
    return listed(line, *(Text(word, line) for word in words))


def _allow_method(api: Map, method: str, line: int | None) -> None:
    """With `cors: true` the methods are those of the routes."""
    cors = copied(mapping(api, "CorsConfiguration"))
    methods = dict.fromkeys([*texts(cors.get("AllowMethods")), "OPTIONS", normal_method(method).replace("ANY", "*")])
    put(cors, "AllowMethods", _words(tuple(methods), line), line)
    put(api, "CorsConfiguration", cors, line)


def _http_authorizer(service: Service, api: Map, value: Value, line: int | None) -> str | None:
    values = value if isinstance(value, Map) else made(line, name=value)
    if (text(values, "type") or "").lower() == "aws_iam":
        return _IAM
    own = _declared(service, values.get("id"), "AWS::ApiGatewayV2::Authorizer")
    if own is not None:
        return own
    name = text(values, "name")
    if name is None:
        external = text(values, "id") or "authorizer"
        _add_authorizer(api, external, made(line, FunctionArn=Text(external, line)), line)
        return external
    declared = mapping(mapping(service.provider, "httpApi"), "authorizers")
    body = declared.get(name)
    if not isinstance(body, Map):
        service.problems.warning(
            f"the authorizer {name} is not declared: requests pass without it",
            "Declare it below provider.httpApi.authorizers.",
            line=line,
        )
        return None
    _add_authorizer(api, name, _http_authorizer_body(service, body), declared.line_of(name))
    return name


def _http_authorizer_body(service: Service, body: Map) -> Map:
    line = body.line
    if (text(body, "type") or "jwt").lower() != "request":
        return made(line, JwtConfiguration=renamed(body, {"issuerUrl": "issuer", "audience": "audience"}))
    target = body.get("functionArn")
    if target is None and (name := text(body, "functionName")) is not None:
        target = Text(name, line)
    sources = texts(body.get("identitySource")) or []
    identity = _identity([part for source in sources for part in source.split(",")], line)
    put(identity, "ReauthorizeEvery", body.get("resultTtlInSeconds"), body.line_of("resultTtlInSeconds"))
    return made(
        line,
        FunctionArn=_asked(service, target),
        AuthorizerPayloadFormatVersion=body.get("payloadVersion") or Text("2.0"),
        EnableSimpleResponses=body.get("enableSimpleResponses"),
        Identity=identity,
    )


# function URLs and load balancers


def url_config(value: Value, line: int | None) -> Map | None:
    """`url: true`, or with `cors`, `authorizer` and `invokeMode`."""
    if not isinstance(value, Map):
        enabled = isinstance(value, str) and as_written(value).lower() == "true"
        return made(line, AuthType=Text("NONE", line)) if enabled else None
    iam = (text(value, "authorizer") or "").upper() == _IAM
    properties = made(line, AuthType=Text(_IAM if iam else "NONE", line), InvokeMode=value.get("invokeMode"))
    cors = value.get("cors")
    if isinstance(cors, Map):
        put(properties, "Cors", renamed(cors, _CORS), value.line_of("cors"))
    elif truth(value, "cors"):
        allowed = _any_site(line)
        put(allowed, "AllowMethods", _words(("*",), line), line)
        put(properties, "Cors", allowed, value.line_of("cors"))
    return properties


def alb_event(service: Service, key: str, value: Value, line: int | None, route_id: str) -> None:
    """A rule of a load balancer's listener: a route for each of its paths and methods."""
    values = value if isinstance(value, Map) else Map(line)
    conditions = mapping(values, "conditions")
    paths = texts(conditions.get("path")) or ["/*"]
    methods = texts(conditions.get("method")) or ["ANY"]
    if values.get("authorizer") is not None:
        service.problems.warning(
            f"{key}, event alb: authorizers of load balancers are not served: requests pass without them",
            "Nothing, for local runs.",
            line=values.line_of("authorizer"),
            function=key,
        )
    written = conditions.get("header")
    headers = written if isinstance(written, Seq) else [written]
    query = mapping(conditions, "query")
    priority = text(values, "priority") or ""
    for number, (path, method) in enumerate((path, method) for path in paths for method in methods):
        service.balanced.append(
            RouteConfig(
                id=route_id if number == 0 else f"{route_id}{number + 1}",
                function=key,
                kind="alb",
                method=normal_method(method),
                path=path,
                hosts=tuple(texts(conditions.get("host"))),
                headers={
                    text(header, "name") or "": tuple(texts(header.get("values")))
                    for header in headers
                    if isinstance(header, Map) and text(header, "name")
                },
                query=tuple((name, as_written(item)) for name, item in query.items() if isinstance(item, str)),
                priority=int(priority) if re.fullmatch("[0-9]{1,6}", priority) else 0,
                multi_value=truth(values, "multiValueHeaders") or False,
                line=line,
            )
        )
