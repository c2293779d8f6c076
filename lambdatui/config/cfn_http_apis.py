"""AWS::ApiGatewayV2::*: HTTP APIs written out resource by resource. WebSocket APIs are named as not served."""

from __future__ import annotations

from typing import Literal

import msgspec

from lambdatui.config.apis import (
    IAM,
    Integration,
    add_api,
    add_authorizer,
    add_integrated_route,
    asked_authorizer,
    cors_of_lists,
    function_name,
    identity_source,
    integration,
    invoked_function,
    kept,
    normal_method,
    normal_path,
    of_type,
    set_stage,
    texts_of,
)
from lambdatui.config.model import ApiConfig, AuthorizerConfig, RouteConfig
from lambdatui.config.openapi import add_definition
from lambdatui.config.sam_apis import known_api
from lambdatui.config.support import CFN_HTTP_API, WEBSOCKET
from lambdatui.config.template import Template
from lambdatui.config.values import Reader

_API = "AWS::ApiGatewayV2::Api"


def declare_http_apis(template: Template) -> None:
    """Add the HTTP APIs with their stages, authorizers and routes."""
    websockets: set[str] = set()
    for resource, reader in of_type(template, _API):
        if (reader.text("ProtocolType") or "HTTP").upper() == "WEBSOCKET":
            websockets.add(resource.logical_id)
            reader.warn("ProtocolType", WEBSOCKET.note, WEBSOCKET.remedy)
            continue
        add_api(
            template,
            ApiConfig(
                id=resource.logical_id,
                kind="http",
                name=reader.text("Name") or resource.logical_id,
                cors=cors_of_lists(reader.child("CorsConfiguration")) if "CorsConfiguration" in reader else None,
                kept=kept(reader, CFN_HTTP_API),
                file=template.problems.file,
                line=resource.line,
            ),
        )
    staged: dict[str, str] = {}
    for _, reader in of_type(template, "AWS::ApiGatewayV2::Stage"):
        set_stage(template, reader, reader.text("ApiId") or "", texts_of(reader, "StageVariables"), staged)
    for resource, reader in of_type(template, "AWS::ApiGatewayV2::Authorizer"):
        _authorizer(template, resource.logical_id, reader)
    for resource, reader in of_type(template, "AWS::ApiGatewayV2::Route"):
        if reader.text("ApiId") not in websockets:
            _route(template, resource.logical_id, reader)
    for resource, reader in of_type(template, _API):
        if resource.logical_id not in websockets:
            _quick(template, resource.logical_id, reader)
            for key in ("Body", "BodyS3Location"):
                if key in reader:
                    add_definition(template, resource.logical_id, reader, key)


def declare_base_paths(template: Template) -> None:
    """The base paths below which custom domains reach APIs; after the events, which make SAM's own APIs."""
    kinds = (
        ("AWS::ApiGateway::BasePathMapping", "RestApiId", "BasePath"),
        ("AWS::ApiGatewayV2::ApiMapping", "ApiId", "ApiMappingKey"),
    )
    for kind, key, path_key in kinds:
        for _, reader in of_type(template, kind):
            config = template.into.apis.get(reader.text(key) or "")
            path = (reader.text(path_key) or "").strip("/") if path_key in reader else ""
            if config is not None and path not in {"", "(none)", *config.base_paths}:
                changed = msgspec.structs.replace(config, base_paths=(*config.base_paths, path))
                template.into.apis[config.id] = changed


def _authorizer(template: Template, name: str, reader: Reader) -> None:
    api = reader.text("ApiId") or ""
    if api not in template.into.apis:
        return
    jwt = (reader.text("AuthorizerType") or "REQUEST").upper() == "JWT"
    uri = reader.text("AuthorizerUri")
    variables = template.into.apis[api].stage_variables
    add_authorizer(
        template,
        api,
        AuthorizerConfig(
            name=name,
            kind="jwt" if jwt else "request",
            function=function_name(template, invoked_function(uri, variables)) if uri else None,
            payload=payload_version(reader, "AuthorizerPayloadFormatVersion"),
            simple_responses=reader.flag("EnableSimpleResponses") or False,
            identity=tuple(identity_source(source) for source in reader.texts("IdentitySource")),
            ttl=reader.integer("AuthorizerResultTtlInSeconds", 0, 3_600) or 0,
        ),
        reader,
        "AuthorizerType",
    )


def payload_version(reader: Reader, key: str) -> Literal["1.0", "2.0"]:
    """CloudFormation's default is 1.0."""
    return "2.0" if (reader.text(key) or "").startswith("2") else "1.0"


def _route(template: Template, logical_id: str, reader: Reader) -> None:
    api = known_api(template, reader.text("ApiId"))  # "": one of another stack
    key = reader.text("RouteKey") or "$default"
    method, _, path = key.rpartition(" ")
    found, payload = _target(template, api, reader)
    wanted = IAM if reader.text("AuthorizationType") == IAM else reader.text("AuthorizerId")
    route = RouteConfig(
        id=logical_id,
        function=found.function,
        kind="http",
        method=normal_method(method),
        path=normal_path(path),
        api=api,
        payload=payload,
        authorizer=asked_authorizer(template, api, wanted, reader, "AuthorizerId"),
        refused=found.refused,
        line=reader.values.line,
        qualifier=found.qualifier,
    )
    add_integrated_route(template, route, reader, "Target")


def _target(template: Template, api: str, reader: Reader) -> tuple[Integration, Literal["1.0", "2.0"]]:
    """What `Target: integrations/ID` names, and the payload's version."""
    name = (reader.text("Target") or "").rpartition("/")[2]
    resource = template.resources.get(name)
    if resource is None or resource.type != "AWS::ApiGatewayV2::Integration":
        return Integration("", "its Target names no integration of the template"), "2.0"
    inner = template.reader(resource)
    payload = payload_version(inner, "PayloadFormatVersion")
    subtype = inner.text("IntegrationSubtype")
    if subtype:
        return Integration("", f"HTTP API route straight to a service ({subtype}): not served"), payload
    kind = inner.text("IntegrationType") or ""
    return integration(template, "http", kind, inner.text("IntegrationUri"), api), payload


def _quick(template: Template, api: str, reader: Reader) -> None:
    """Quick create: `Target` is a function, `RouteKey` its one route."""
    if "Target" not in reader:
        return
    method, _, path = (reader.text("RouteKey") or "$default").rpartition(" ")
    target = reader.text("Target")
    kind = "HTTP_PROXY" if target and "://" in target else "AWS_PROXY"
    found = integration(template, "http", kind, target, api)
    route = RouteConfig(
        id=f"{api} {method} {path}".replace("  ", " "),
        function=found.function,
        kind="http",
        method=normal_method(method),
        path=normal_path(path),
        api=api,
        refused=found.refused,
        line=reader.line("Target"),
        qualifier=found.qualifier,
    )
    add_integrated_route(template, route, reader, "Target")
