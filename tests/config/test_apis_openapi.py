"""APIs that an OpenAPI document defines: in the template, in a file, by AWS::Include."""

from __future__ import annotations

import json
from pathlib import Path

from lambdatui.config.model import AuthorizerConfig, CorsConfig
from tests.config.helpers import Load, Write, says
from tests.config.test_apis_sam import HEAD, api

FUNCTION = """
  F:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, Runtime: python3.12}
"""
URI = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations"


def rest(body: str) -> str:
    """A template whose REST API has the definition `body`, indented by eight."""
    start = "Resources:\n  Api:\n    Type: AWS::Serverless::Api\n    Properties:\n      StageName: prod\n"
    return HEAD + start + "      DefinitionBody:\n" + body + FUNCTION


SWAGGER = f"""
        swagger: "2.0"
        info: {{title: orders, version: "1"}}
        x-amazon-apigateway-binary-media-types: [image/png]
        securityDefinitions:
          token:
            type: apiKey
            name: X-Token
            in: header
            x-amazon-apigateway-authtype: custom
            x-amazon-apigateway-authorizer:
              type: token
              authorizerUri: !Sub {URI}
              authorizerResultTtlInSeconds: 60
              identityValidationExpression: "^t"
          request:
            type: apiKey
            name: Unused
            in: header
            x-amazon-apigateway-authorizer:
              type: request
              identitySource: method.request.header.A, method.request.querystring.b
              authorizerUri: !Sub {URI}
          api_key: {{type: apiKey, name: x-api-key, in: header}}
        security: [{{token: []}}]
        paths:
          /orders/{{id}}:
            parameters: [{{name: id, in: path, required: true, type: string}}]
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                uri: !Sub {URI}
            put:
              security: [{{request: []}}]
              x-amazon-apigateway-integration:
                type: AWS_PROXY
                uri: {{"Fn::Sub": "{URI}"}}
            delete:
              security: []
              x-amazon-apigateway-integration: {{type: aws, uri: !Sub "{URI}"}}
            options:
              security: []
              x-amazon-apigateway-integration:
                type: mock
                responses:
                  default:
                    statusCode: "200"
                    responseParameters:
                      method.response.header.Access-Control-Allow-Origin: "'https://a.example'"
                      method.response.header.Access-Control-Allow-Methods: "'GET,PUT'"
          /{{proxy+}}:
            x-amazon-apigateway-any-method:
              security: [{{api_key: []}}]
              x-amazon-apigateway-integration: {{type: aws_proxy, uri: !Sub "{URI}"}}
          /later:
            get: {{responses: {{}}}}
"""


def test_a_definition_body_of_a_rest_api(write: Write, load: Load) -> None:
    write("app.py")
    write("template.yaml", rest(SWAGGER))
    project = load()
    found = api(project, "Api")
    assert found.binary_types == ("image/png",)
    assert found.cors == CorsConfig(allow_origins=("https://a.example",), allow_methods=("GET", "PUT"))
    assert found.authorizers == (
        AuthorizerConfig(
            name="token", kind="token", function="F", identity=("header.X-Token",), validation="^t", ttl=60
        ),
        AuthorizerConfig(name="request", kind="request", function="F", identity=("header.A", "querystring.b")),
    )
    assert [(r.function, r.method, r.path, r.authorizer) for r in project.routes] == [
        ("F", "GET", "/orders/{id}", "token"),
        ("F", "PUT", "/orders/{id}", "request"),
        ("F", "DELETE", "/orders/{id}", None),
        ("F", "ANY", "/{proxy+}", None),
    ]
    assert "non-proxy integration (AWS)" in (project.routes[2].refused or "")
    assert says(project, "DELETE /orders/{id}: REST method with a non-proxy integration")[0] == "warning"
    assert says(project, "Api asks for API keys")[0] == "warning"
    assert says(project, "GET /later has no x-amazon-apigateway-integration")[0] == "notice"
    assert len(project.problems) == 3


def test_an_event_on_a_path_of_the_definition_is_the_same_route(write: Write, load: Load) -> None:
    write("app.py")
    event = "{Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Api}}"
    body = (
        f"        paths: {{/a: {{get: {{x-amazon-apigateway-integration: {{type: aws_proxy, uri: !Sub '{URI}'}}}}}}}}\n"
    )
    write("template.yaml", rest(body).replace("python3.12}", f"python3.12, Events: {{A: {event}}}}}"))
    project = load()
    assert [(r.id, r.line) for r in project.routes] == [("Api GET /a", 9)] and project.problems == ()


DOCUMENT = {
    "openapi": "3.0.1",
    "info": {"title": "web", "version": "1"},
    "x-amazon-apigateway-cors": {"allowOrigins": ["*"], "allowMethods": ["get"], "maxAge": 3},
    "paths": {
        "/a": {"get": {"x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/f"}}},
        "/$default": {
            "x-amazon-apigateway-any-method": {
                "security": [{"jwt": []}],
                "x-amazon-apigateway-integration": {
                    "type": "AWS_PROXY",
                    "payloadFormatVersion": "1.0",
                    "uri": {"Fn::GetAtt": ["F", "Arn"]},
                },
            }
        },
        "/far": {"get": {"x-amazon-apigateway-integration": {"type": "http_proxy", "uri": "https://a.example"}}},
    },
    "components": {
        "securitySchemes": {
            "jwt": {
                "type": "oauth2",
                "x-amazon-apigateway-authorizer": {"type": "jwt", "identitySource": "$request.header.Authorization"},
            },
            "ask": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authorizer": {
                    "type": "request",
                    "authorizerUri": {"Fn::Sub": URI},
                    "authorizerPayloadFormatVersion": "2.0",
                    "enableSimpleResponses": True,
                    "identitySource": ["$request.header.Authorization"],
                },
            },
        },
        "x-amazon-apigateway-integrations": {
            "f": {"type": "AWS_PROXY", "payloadFormatVersion": "2.0", "uri": {"Fn::Sub": URI}}
        },
    },
}


def http(definition: str) -> str:
    return HEAD + f"Resources:\n  Web:\n    Type: AWS::Serverless::HttpApi\n    Properties:\n{definition}" + FUNCTION


def test_an_included_file_defines_an_http_api(write: Write, load: Load) -> None:
    write("app.py")
    file = write("api/web.json", json.dumps(DOCUMENT, indent=1))
    include = "      DefinitionBody: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: api/web.json}}}\n"
    write("template.yaml", http(include))
    project = load()
    web = api(project, "Web")
    assert web.cors == CorsConfig(allow_origins=("*",), allow_methods=("GET",), max_age=3)
    jwt, ask = web.authorizers
    assert (jwt.name, jwt.kind, jwt.function, jwt.identity) == ("jwt", "jwt", None, ("header.Authorization",))
    assert (ask.kind, ask.function, ask.payload, ask.simple_responses, ask.ttl) == ("request", "F", "2.0", True, 0)
    assert [(r.function, r.method, r.path, r.payload, r.authorizer) for r in project.routes] == [
        ("F", "GET", "/a", "2.0", None),
        ("F", "ANY", "$default", "1.0", "jwt"),
        ("", "GET", "/far", None, None),
    ]
    assert "type HTTP_PROXY" in (project.routes[2].refused or "")
    problems = {(p.severity, p.file) for p in project.problems}
    assert problems == {("warning", "api/web.json")} and len(project.problems) == 2, "jwt, and /far"
    assert str(file) in project.files, "a change of it is a reload"


def test_a_file_may_be_named_by_definition_uri_or_included_in_part(write: Write, load: Load) -> None:
    write("app.py")
    write("api/web.json", json.dumps(DOCUMENT))
    write("template.yaml", http("      DefinitionUri: api/web.json\n"))
    assert len(load().routes) == 3
    write(
        "api/paths.yaml", f"/b:\n  get:\n    x-amazon-apigateway-integration: {{type: aws_proxy, uri: !Sub '{URI}'}}\n"
    )
    part = (
        "      DefinitionBody:\n        openapi: 3.0.1\n        paths:\n"
        "          Fn::Transform: {Name: AWS::Include, Parameters: {Location: ./api/paths.yaml}}\n"
    )
    write("template.yaml", http(part))
    project = load()
    assert [(r.path, r.function) for r in project.routes] == [("/b", "F")] and project.problems == ()
    write("api/paths.yaml", "\n\n/b:\n  get:\n    x-amazon-apigateway-integration: {type: mock}\n")
    assert says(load(), "integration of type MOCK") == ("warning", 10), "the line that includes it"


def test_a_definition_that_cannot_be_had_is_said(write: Write, load: Load) -> None:
    write("app.py")
    for definition, words in (
        ("      DefinitionUri: s3://bucket/api.yaml\n", "the definition lies in S3, which cannot be had"),
        ("      DefinitionUri: {Bucket: b, Key: api.yaml}\n", "the definition lies in S3, which cannot be had"),
        ("      DefinitionUri: nothing.yaml\n", "there is no file nothing.yaml"),
        ("      DefinitionUri: broken.yaml\n", "broken.yaml, line 2: "),
        ("      DefinitionBody: {Fn::Transform: {Name: Mine}}\n", "the macro Mine is not applied"),
    ):
        write("broken.yaml", "a: [")
        write("template.yaml", http(definition))
        project = load()
        assert says(project, words) == ("warning", 7) and project.routes == () and len(project.problems) == 1


def test_a_uri_may_take_the_function_from_a_stage_variable(write: Write, load: Load) -> None:
    write("app.py")
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:"
    body = (
        "        paths:\n          /a:\n            get:\n              x-amazon-apigateway-integration:\n"
        f"                type: aws_proxy\n                uri: {uri}${{stageVariables.fn}}/invocations\n"
    )
    write("template.yaml", rest(body).replace("StageName: prod", "StageName: prod\n      Variables: {fn: F}"))
    project = load()
    assert [(r.path, r.function) for r in project.routes] == [("/a", "F")] and project.problems == ()


def test_cloudformations_own_api_has_its_definition_in_body(write: Write, load: Load) -> None:
    write("app.py")
    template = HEAD + "Resources:\n  Web:\n    Type: AWS::ApiGatewayV2::Api\n    Properties:\n      Body:\n"
    body = (
        "        paths:\n          /a:\n            get:\n"
        f"              x-amazon-apigateway-integration: {{type: aws_proxy, uri: !Sub '{URI}'}}\n"
    )
    write("template.yaml", template + body + FUNCTION)
    project = load()
    assert [(r.api, r.path, r.function) for r in project.routes] == [("Web", "/a", "F")] and project.problems == ()


def test_a_definition_outside_of_the_project_is_not_read(write: Write, load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("openapi: 3.0.1\npaths: {}\n")
    write(
        "template.yaml",
        "Resources:\n  A:\n    Type: AWS::Serverless::Api\n"
        "    Properties: {StageName: p, DefinitionUri: ../secret.yaml}\n",
    )
    project = load()
    assert says(project, "../secret.yaml lies outside of the project") == ("warning", 4)
    assert str(tmp_path / "secret.yaml") not in project.files
