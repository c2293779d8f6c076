"""AWS::ApiGateway::*: REST APIs written out resource by resource, as CloudFormation, the CDK and serverless do."""

from __future__ import annotations

import msgspec

from lambdatui.config.apis import (
    IAM,
    add_api,
    add_authorizer,
    add_integrated_route,
    asked_authorizer,
    cors_of_response,
    function_name,
    identity_source,
    integration,
    invoked_function,
    kept,
    media_types,
    needs_api_key,
    normal_method,
    of_type,
    same_cors,
    set_stage,
    texts_of,
)
from lambdatui.config.model import ApiConfig, AuthorizerConfig, CorsConfig, RouteConfig
from lambdatui.config.openapi import add_definition
from lambdatui.config.sam_apis import known_api
from lambdatui.config.support import CFN_REST_API
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map

DEFAULT_STAGE = "prod"  # of an API that no stage or deployment names
_BODIES = ("Body", "BodyS3Location")


def declare_rest_apis(template: Template) -> None:
    """Add the REST APIs with their stages, authorizers, methods and preflights."""
    for resource, reader in of_type(template, "AWS::ApiGateway::RestApi"):
        add_api(
            template,
            ApiConfig(
                id=resource.logical_id,
                kind="rest",
                name=reader.text("Name") or resource.logical_id,
                stage=DEFAULT_STAGE,
                binary_types=media_types(reader.texts("BinaryMediaTypes")),
                kept=kept(reader, CFN_REST_API),
                file=template.problems.file,
                line=resource.line,
            ),
        )
    _stages(template)
    for resource, reader in of_type(template, "AWS::ApiGateway::Authorizer"):
        _authorizer(template, resource.logical_id, reader)
    for resource, reader in of_type(template, "AWS::ApiGateway::RestApi"):
        for key in _BODIES:
            if key in reader:
                add_definition(template, resource.logical_id, reader, key)
    preflights: dict[str, list[CorsConfig]] = {}
    for resource, reader in of_type(template, "AWS::ApiGateway::Method"):
        _method(template, resource.logical_id, reader, preflights)
    for api, found in preflights.items():
        config = template.into.apis.get(api)
        if config is not None and config.cors is None:
            template.into.apis[api] = msgspec.structs.replace(config, cors=same_cors(found))


def _stages(template: Template) -> None:
    """The stages; a deployment may name one by itself, with its variables in a description."""
    staged: dict[str, str] = {}
    for _, reader in of_type(template, "AWS::ApiGateway::Stage"):
        set_stage(template, reader, reader.text("RestApiId") or "", texts_of(reader, "Variables"), staged)
    for _, reader in of_type(template, "AWS::ApiGateway::Deployment"):
        variables = texts_of(reader.child("StageDescription"), "Variables")
        set_stage(template, reader, reader.text("RestApiId") or "", variables, staged)


def _authorizer(template: Template, name: str, reader: Reader) -> None:
    api = reader.text("RestApiId") or ""
    if api not in template.into.apis:
        return
    kind = (reader.text("Type") or "TOKEN").upper()
    uri, ttl = reader.text("AuthorizerUri"), reader.integer("AuthorizerResultTtlInSeconds", 0, 3_600)
    sources = (reader.text("IdentitySource") or "").split(",")
    variables = template.into.apis[api].stage_variables
    add_authorizer(
        template,
        api,
        AuthorizerConfig(
            name=name,
            kind="cognito" if kind == "COGNITO_USER_POOLS" else "request" if kind == "REQUEST" else "token",
            function=function_name(template, invoked_function(uri, variables)) if uri else None,
            identity=tuple(identity_source(source) for source in sources if source.strip()),
            validation=reader.text("IdentityValidationExpression"),
            ttl=300 if ttl is None else ttl,
        ),
        reader,
        "Type",
    )


def _method(template: Template, logical_id: str, reader: Reader, preflights: dict[str, list[CorsConfig]]) -> None:
    api = known_api(template, reader.text("RestApiId"))  # "": one of another stack
    method = normal_method(reader.text("HttpMethod"))
    inner = reader.child("Integration")
    kind = (inner.text("Type") or "").upper()
    if kind == "MOCK" and method == "OPTIONS":
        cors = _preflight(inner)
        if cors is not None:
            preflights.setdefault(api, []).append(cors)
            return
    found = integration(template, "rest", kind, inner.text("Uri"), api)
    if reader.flag("ApiKeyRequired"):
        needs_api_key(template, api or "the API", reader, "ApiKeyRequired")
    kind_of_authorization = reader.text("AuthorizationType")
    wanted = IAM if kind_of_authorization == IAM else reader.text("AuthorizerId")
    route = RouteConfig(
        id=logical_id,
        function=found.function,
        kind="rest",
        method=method,
        path=_path(template, reader.text("ResourceId")),
        api=api,
        authorizer=asked_authorizer(template, api, wanted, reader, "AuthorizerId"),
        refused=found.refused,
        line=reader.values.line,
        qualifier=found.qualifier,
    )
    add_integrated_route(template, route, reader, "Integration")


def _preflight(inner: Reader) -> CorsConfig | None:
    for response in inner.items("IntegrationResponses"):
        if not isinstance(response, Map):
            continue
        cors = cors_of_response(inner.inside(response).child("ResponseParameters"))
        if cors is not None:
            return cors
    return None


def _path(template: Template, resource_id: str | None) -> str:
    """The path of a resource, up to the API's root (or to a resource of another stack, which is taken for it)."""
    parts: list[str] = []
    seen: set[str] = set()
    while resource_id is not None and resource_id not in seen:
        seen.add(resource_id)
        resource = template.resources.get(resource_id)
        if resource is None or resource.type != "AWS::ApiGateway::Resource":
            break
        reader = template.reader(resource)
        parts.append(reader.text("PathPart") or "")
        resource_id = reader.text("ParentId")
    return "/" + "/".join(reversed(parts))
