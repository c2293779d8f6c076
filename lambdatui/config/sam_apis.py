"""AWS::Serverless::Api and AWS::Serverless::HttpApi, those that SAM adds by itself included, and their Auth."""

from __future__ import annotations

from typing import Literal

import msgspec

from lambdatui.config.apis import (
    IAM,
    add_api,
    add_authorizer,
    asked_authorizer,
    cors_of_headers,
    cors_of_lists,
    function_name,
    kept,
    media_types,
    needs_api_key,
    texts_of,
)
from lambdatui.config.aws_names import Resource
from lambdatui.config.model import ApiConfig, AuthorizerConfig, CorsConfig
from lambdatui.config.openapi import add_definition
from lambdatui.config.problems import did_you_mean
from lambdatui.config.sam_functions import merged
from lambdatui.config.support import SAM_API, SAM_AUTH, SAM_HTTP_API
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map, Value

Kind = Literal["rest", "http"]
IMPLICIT: dict[Kind, str] = {"rest": "ServerlessRestApi", "http": "ServerlessHttpApi"}
REST_STAGE = "Prod"  # of the implicit API
HTTP_STAGE = "$default"
_GLOBALS: dict[Kind, str] = {"rest": "Api", "http": "HttpApi"}
_SOURCES = (("Headers", "header"), ("QueryStrings", "querystring"), ("StageVariables", "stageVariables"))


def declare_sam_apis(template: Template) -> None:
    """Add the template's own APIs: the events of functions name them."""
    for resource in template.resources.values():
        if resource.type == "AWS::Serverless::Api":
            _declare(template, resource.logical_id, "rest", resource)
        elif resource.type == "AWS::Serverless::HttpApi":
            _declare(template, resource.logical_id, "http", resource)


def implicit_api(template: Template, kind: Kind) -> str:
    """The id of the API that SAM makes of the events that name none; it has what Globals say."""
    name = IMPLICIT[kind]
    if name not in template.into.apis:
        _declare(template, name, kind, None)
    return name


def known_api(template: Template, named: str | None) -> str:
    """The id of the API that a reference means, SAM's own included; "" where the template has none such."""
    for kind, name in IMPLICIT.items():
        if named == name:
            return implicit_api(template, kind)
    return named if named is not None and named in template.into.apis else ""


def _declare(template: Template, logical_id: str, kind: Kind, resource: Resource | None) -> None:
    own: Value = resource.properties if resource else Map()
    defaults = template.globals.get(_GLOBALS[kind])
    values = merged(defaults, own)
    reader = template.read(values if isinstance(values, Map) else Map(), logical_id)
    table = SAM_API if kind == "rest" else SAM_HTTP_API
    for key in resource.properties if resource else ():
        if key not in table and not key.startswith("Fn::"):
            remedy = did_you_mean(key, table, "Remove it.")
            template.problems.notice(f"{logical_id}: an API has no property {key}", remedy, line=reader.line(key))
    default_stage = HTTP_STAGE if kind == "http" else REST_STAGE
    add_api(
        template,
        ApiConfig(
            id=logical_id,
            kind=kind,
            name=(reader.text("Name") if resource else template.into.stack) or logical_id,
            stage=(reader.text("StageName") if resource else None) or default_stage,
            stage_variables=texts_of(reader, "Variables" if kind == "rest" else "StageVariables"),
            base_paths=_base_paths(reader),
            cors=_rest_cors(reader) if kind == "rest" else _http_cors(reader),
            binary_types=media_types(reader.texts("BinaryMediaTypes")),
            kept=kept(reader, table),
            file=template.problems.file,
            line=resource.line if resource else None,
        ),
    )
    auth = reader.child("Auth")
    for name in (auth.mapping("Authorizers") or Map()) if "Authorizers" in auth else ():
        _authorizer(template, logical_id, kind, name, auth.child("Authorizers"))
    _auth(template, logical_id, auth)
    for key in ("DefinitionBody", "DefinitionUri"):
        if key in reader:
            add_definition(template, logical_id, reader, key)
    if "Cors" in reader and "DefaultAuthorizer" in auth and auth.flag("AddDefaultAuthorizerToCorsPreflight") is None:
        template.problems.notice(
            f"{logical_id}: on AWS its authorizer is asked about preflights too, which browsers send without a token; "
            "here they pass",
            "Set AddDefaultAuthorizerToCorsPreflight: false below Auth.",
            line=auth.line("DefaultAuthorizer"),
        )


def _auth(template: Template, api: str, auth: Reader) -> None:
    """The default authorizer, keys, and what of Auth is kept."""
    default = asked_authorizer(template, api, auth.text("DefaultAuthorizer"), auth, "DefaultAuthorizer")
    if default is not None:
        template.default_authorizers[api] = default
    if auth.flag("ApiKeyRequired"):
        needs_api_key(template, api, auth, "ApiKeyRequired")
    left = kept(auth, SAM_AUTH)
    if left:
        config = template.into.apis[api]
        template.into.apis[api] = msgspec.structs.replace(config, kept={**config.kept, "Auth": left})


def _authorizer(template: Template, api: str, kind: Kind, name: str, authorizers: Reader) -> None:
    reader = authorizers.child(name)
    reader.where = f"{api}, authorizer {name}"
    function = function_name(template, reader.text("FunctionArn"))
    identity = reader.child("Identity")
    age = identity.integer("ReauthorizeEvery", 0, 3_600)
    if name == IAM:
        found = AuthorizerConfig(name=name, kind="iam")
    elif "UserPoolArn" in reader:
        header = identity.text("Header") or "Authorization"
        found = AuthorizerConfig(name=name, kind="cognito", identity=(f"header.{header}",))
    elif "JwtConfiguration" in reader or (kind == "http" and "FunctionArn" not in reader):
        found = AuthorizerConfig(name=name, kind="jwt")
    elif kind == "rest" and (reader.text("FunctionPayloadType") or "TOKEN").upper() == "TOKEN":
        found = AuthorizerConfig(
            name=name,
            kind="token",
            function=function,
            identity=(f"header.{identity.text('Header') or 'Authorization'}",),
            validation=identity.text("ValidationExpression"),
            ttl=300 if age is None else age,
        )
    else:
        payload = reader.text("AuthorizerPayloadFormatVersion") if kind == "http" else None
        found = AuthorizerConfig(
            name=name,
            kind="request",
            function=function,
            payload="2.0" if payload is not None and payload.startswith("2") else "1.0",
            simple_responses=reader.flag("EnableSimpleResponses") or False,
            identity=_identity(identity),
            # REST APIs keep answers for five minutes unless told otherwise, HTTP APIs only if told to.
            ttl=(300 if kind == "rest" else 0) if age is None else age,
        )
    add_authorizer(template, api, found, authorizers, name)


def _identity(reader: Reader) -> tuple[str, ...]:
    sources = [f"{prefix}.{name}" for key, prefix in _SOURCES for name in reader.texts(key)]
    return (*sources, *(f"context.{name}" for name in reader.texts("Context")))


def _rest_cors(reader: Reader) -> CorsConfig | None:
    """A text is the origin; a mapping's values carry single quotes, because they are response headers."""
    value = reader.get("Cors") if "Cors" in reader else None
    if value is None:
        return None
    inner = reader.inside(value) if isinstance(value, Map) else None
    if inner is None:
        return cors_of_headers({"access-control-allow-origin": reader.text("Cors") or ""})
    texts = {
        f"access-control-{header}": inner.text(key) or ""
        for key, header in (
            ("AllowOrigin", "allow-origin"),
            ("AllowMethods", "allow-methods"),
            ("AllowHeaders", "allow-headers"),
            ("MaxAge", "max-age"),
            ("AllowCredentials", "allow-credentials"),
        )
    }
    cors = cors_of_headers(texts)
    if cors is None:
        reader.warn("Cors", "Cors names no AllowOrigin", "Write AllowOrigin: \"'*'\".")
    return cors


def _http_cors(reader: Reader) -> CorsConfig | None:
    value = reader.get("CorsConfiguration") if "CorsConfiguration" in reader else None
    if isinstance(value, Map):
        return cors_of_lists(reader.inside(value))
    return CorsConfig(allow_origins=("*",)) if value is not None and reader.flag("CorsConfiguration") else None


def _base_paths(reader: Reader) -> tuple[str, ...]:
    """Below which a custom domain's requests arrive; the root itself needs none."""
    paths = (path.strip().strip("/") for path in reader.child("Domain").texts("BasePath")) if "Domain" in reader else ()
    return tuple(path for path in paths if path and path != "(none)")
