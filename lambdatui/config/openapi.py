"""The OpenAPI (2 or 3) document that an API may be defined by, with API Gateway's extensions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lambdatui.config.apis import (
    METHODS,
    add_authorizer,
    add_integrated_route,
    cors_of_lists,
    cors_of_response,
    function_name,
    identity_source,
    integration,
    invoked_function,
    media_types,
    needs_api_key,
    normal_method,
    normal_path,
    same_cors,
)
from lambdatui.config.model import AuthorizerConfig, CorsConfig, RouteConfig
from lambdatui.config.openapi_files import definition
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map, Value

_PREFIX = "x-amazon-apigateway-"
_ANY = _PREFIX + "any-method"
_MAX_REFERENCES = 20


def add_definition(template: Template, api: str, reader: Reader, key: str) -> None:
    """Add the routes, authorizers and CORS that the document below `key` defines: in place, or in a file."""
    document, problems = definition(template, reader, key)
    resolved = template.resolver.resolve(document)
    if isinstance(resolved, Map):
        _Definition(template, api, Reader(resolved, template.resolver, problems, reader.where)).add()
        if problems is not reader.problems:
            template.into.problems.extend(problems.found)


class _Definition:
    """One document while its parts are added to the API."""

    def __init__(self, template: Template, api: str, reader: Reader) -> None:
        self.template = template
        self.api = api
        self.reader = reader
        config = template.into.apis[api]
        self.kind: Literal["rest", "http"] = "rest" if config.kind == "rest" else "http"
        self.variables = config.stage_variables
        self.keys: set[str] = set()  # schemes that are API keys
        self.preflights: list[CorsConfig] = []
        self.without: list[str] = []  # operations without an integration

    def add(self) -> None:
        """Authorizers first: operations name them."""
        schemes = self.reader.child("securityDefinitions")
        if not schemes.values:
            schemes = self.reader.child("components").child("securitySchemes")
        for name in schemes.values:
            self._scheme(schemes, name)
        paths = self.reader.child("paths")
        for path in paths.values:
            self._path(path, self._child(paths, path))
        self._settings()
        if self.without:
            more = f" and {len(self.without) - 1} more" if len(self.without) > 1 else ""
            self.reader.problems.notice(
                f"{self.reader.where}: {self.without[0]}{more} has no {_PREFIX}integration: the definition adds no "
                "route for it",
                "Name the function there, or declare it as an event of the function.",
                line=self.reader.line("paths"),
            )

    def _child(self, reader: Reader, key: str) -> Reader:
        """The mapping below `key`, with `$ref: '#/…'` followed."""
        found: Value = reader.mapping(key)
        for _ in range(_MAX_REFERENCES):
            reference = found.get("$ref") if isinstance(found, Map) else None
            if not isinstance(reference, str) or not reference.startswith("#/"):
                break
            found = self.reader.values
            for step in reference[2:].split("/"):
                found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Map) else None
        return reader.inside(found if isinstance(found, Map) else Map(reader.line(key)))

    def _settings(self) -> None:
        config = self.template.into.apis[self.api]
        cors = config.cors or same_cors(self.preflights)
        if cors is None and _PREFIX + "cors" in self.reader:
            cors = cors_of_lists(self.reader.child(_PREFIX + "cors"), camel=True)
        binary = media_types(self.reader.texts(_PREFIX + "binary-media-types"))
        self.template.into.apis[self.api] = msgspec.structs.replace(
            config, cors=cors, binary_types=tuple(dict.fromkeys((*config.binary_types, *binary)))
        )

    # authorizers

    def _scheme(self, schemes: Reader, name: str) -> None:
        reader = self._child(schemes, name)
        if reader.text(_PREFIX + "authtype") == "awsSigv4":
            self._add_authorizer(AuthorizerConfig(name=name, kind="iam"), schemes)
            return
        if _PREFIX + "authorizer" not in reader:
            if reader.text("type") == "apiKey" and (reader.text("name") or "").lower() == "x-api-key":
                self.keys.add(name)
            return
        inner = self._child(reader, _PREFIX + "authorizer")
        kind = (inner.text("type") or "").lower()
        sources = [identity_source(part) for text in inner.texts("identitySource") for part in text.split(",")]
        if kind == "token" and not sources:
            sources = [f"header.{reader.text('name') or 'Authorization'}"]
        if kind not in {"token", "request"}:
            asked: Literal["jwt", "cognito"] = "cognito" if kind == "cognito_user_pools" else "jwt"
            self._add_authorizer(AuthorizerConfig(name=name, kind=asked, identity=tuple(sources)), schemes)
            return
        uri, ttl = inner.text("authorizerUri"), inner.integer("authorizerResultTtlInSeconds", 0, 3_600)
        payload = inner.text("authorizerPayloadFormatVersion") or "1.0"
        self._add_authorizer(
            AuthorizerConfig(
                name=name,
                kind="token" if kind == "token" else "request",
                function=function_name(self.template, invoked_function(uri, self.variables) if uri else None),
                payload="2.0" if self.kind == "http" and payload.startswith("2") else "1.0",
                simple_responses=inner.flag("enableSimpleResponses") or False,
                identity=tuple(sources),
                validation=inner.text("identityValidationExpression"),
                ttl=(300 if self.kind == "rest" else 0) if ttl is None else ttl,
            ),
            schemes,
        )

    def _add_authorizer(self, authorizer: AuthorizerConfig, schemes: Reader) -> None:
        add_authorizer(self.template, self.api, authorizer, schemes, authorizer.name)

    def _authorizer(self, operation: Reader) -> str | None:
        """The first authorizer that the operation's security, else the document's, else the API's names."""
        source = next((reader for reader in (operation, self.reader) if "security" in reader), None)
        if source is None:
            return self.template.default_authorizers.get(self.api)
        named = [name for item in source.items("security") if isinstance(item, Map) for name in item]
        if self.keys.intersection(named):
            needs_api_key(self.template, self.api, source, "security")
        known = {authorizer.name for authorizer in self.template.into.apis[self.api].authorizers}
        return next((name for name in named if name in known), None)

    # paths

    def _path(self, path: str, item: Reader) -> None:
        for name in item.values:
            if name.upper() in METHODS or name.lower() == _ANY:
                self._operation(path, normal_method(name), self._child(item, name), item.line(name))

    def _operation(self, path: str, method: str, operation: Reader, line: int | None) -> None:
        key = _PREFIX + "integration"
        if key not in operation:
            self.without.append(f"{method} {path}")
            return
        inner = self._child(operation, key)
        kind = inner.text("type") or ""
        if kind.lower() == "mock" and method == "OPTIONS":
            cors = self._preflight(inner)
            if cors is not None:
                self.preflights.append(cors)
                return
        path = normal_path(path.strip("/") if path.strip("/") == "$default" else path)
        found = integration(self.template, self.kind, kind, inner.text("uri"), self.api)
        payload = inner.text("payloadFormatVersion") if self.kind == "http" else None
        route = RouteConfig(
            id=f"{self.api} {method} {path}",
            function=found.function,
            kind=self.kind,
            method=method,
            path=path,
            api=self.api,
            payload=None if payload is None else "1.0" if payload.startswith("1") else "2.0",
            authorizer=self._authorizer(operation),
            refused=found.refused,
            line=line,
            qualifier=found.qualifier,
        )
        add_integrated_route(self.template, route, operation, key)

    @staticmethod
    def _preflight(inner: Reader) -> CorsConfig | None:
        """What a MOCK's responses say in their Access-Control headers."""
        responses = inner.child("responses")
        for status in responses.values:
            cors = cors_of_response(responses.child(status).child("responseParameters"))
            if cors is not None:
                return cors
        return None
