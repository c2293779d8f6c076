"""Api and HttpApi events of a SAM function, and the addresses of function URLs."""

from __future__ import annotations

from typing import Literal

from lambdatui.config.apis import (
    IAM,
    NO_AUTHORIZER,
    add_api,
    add_route,
    asked_authorizer,
    cors_of_lists,
    kept,
    needs_api_key,
    normal_method,
    normal_path,
)
from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import qualifier_of
from lambdatui.config.model import ApiConfig, RouteConfig
from lambdatui.config.sam_apis import implicit_api, known_api
from lambdatui.config.support import EVENT_PROPERTIES
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map

_API = {"rest": "RestApiId", "http": "ApiId"}


def add_event_route(
    template: Template, logical_id: str, function: str, reader: Reader, kind: Literal["rest", "http"]
) -> None:
    """An Api (`kind` rest) or HttpApi event; an HttpApi event without a path takes what no other route does."""
    path = reader.text("Path")
    if kind == "rest":
        for key in ("Path", "Method"):
            if key not in reader:
                reader.warn(key, f"{key} is missing", f"Set {key}.")
        if path is None:
            return
    api = _api(template, reader, kind)
    auth = reader.child("Auth") if "Auth" in reader else reader.inside(Map())
    wanted = auth.text("Authorizer")
    authorizer = template.default_authorizers.get(api)
    if wanted is not None:
        authorizer = asked_authorizer(template, api, wanted, auth, "Authorizer")
    if auth.flag("ApiKeyRequired"):
        needs_api_key(template, api or "the API", auth, "ApiKeyRequired")
    add_route(
        template,
        RouteConfig(
            id=logical_id,
            function=function,
            kind=kind,
            method=normal_method(reader.text("Method")),
            path=normal_path(path or "$default"),
            api=api,
            payload=_payload(reader) if kind == "http" else None,
            authorizer=authorizer,
            kept=kept(reader, EVENT_PROPERTIES["Api" if kind == "rest" else "HttpApi"]),
            line=reader.values.line,
            qualifier=template.published.get(function),
        ),
    )


def _api(template: Template, reader: Reader, kind: Literal["rest", "http"]) -> str:
    """The id of the event's API; "" for one of another stack."""
    key = _API[kind]
    if key not in reader:
        return implicit_api(template, kind)
    named = reader.text(key)
    api = known_api(template, named)
    if api or named is None:
        return api
    reader.warn(
        key,
        f"the API {named} is not in this template: the route is served without its settings",
        "Declare the API beside the function to have its stage, CORS and authorizers.",
    )
    return ""


def _payload(reader: Reader) -> Literal["1.0", "2.0"] | None:
    version = reader.text("PayloadFormatVersion")
    if version is None:
        return None
    if version not in {"1.0", "2.0", "1", "2"}:
        reader.warn("PayloadFormatVersion", f"there is no payload format {version}; 2.0 is used", "Write 1.0 or 2.0.")
    return "1.0" if version.startswith("1") else "2.0"


def declare_url(template: Template, resource: Resource) -> None:
    """AWS::Lambda::Url."""
    reader = template.reader(resource)
    function = template.named_function(reader, "TargetFunctionArn")
    if function is None:
        return
    named = qualifier_of(reader.text("TargetFunctionArn") or "")
    add_url(template, resource.logical_id, function.name, reader, reader.text("Qualifier") or named)


def add_url(template: Template, logical_id: str, function: str, reader: Reader, qualifier: str | None) -> None:
    """A function's URL: an API of its own, whose id is the function's name. `qualifier`: of the alias behind it."""
    if reader.text("InvokeMode") == "RESPONSE_STREAM":
        reader.warn("InvokeMode", "responses are not streamed: they come whole", "Nothing to be done.")
    add_api(
        template,
        ApiConfig(
            id=function,
            kind="url",
            name=logical_id,
            cors=cors_of_lists(reader.child("Cors")) if "Cors" in reader and reader.mapping("Cors") else None,
            file=template.problems.file,
            line=reader.values.line,
        ),
    )
    secured = (reader.text("AuthType") or NO_AUTHORIZER) == IAM
    add_route(
        template,
        RouteConfig(
            id=logical_id,
            function=function,
            kind="url",
            method="ANY",
            path="$default",
            api=function,
            authorizer=asked_authorizer(template, function, IAM, reader, "AuthType") if secured else None,
            line=reader.values.line,
            qualifier=qualifier,
        ),
    )
