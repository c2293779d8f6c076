"""APIs written out in CloudFormation's own resources, as people, the CDK and serverless write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdatui.config.model import AuthorizerConfig, CorsConfig
from tests.config.helpers import Load, Write, says
from tests.config.test_apis_sam import api, route

FUNCTION: dict[str, Any] = {
    "Type": "AWS::Lambda::Function",
    "Properties": {"Handler": "app.handler", "Runtime": "python3.12", "Code": "."},
}


def invocations(function: str) -> dict[str, Any]:
    """A function's URI as the CDK joins it."""
    parts = [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":apigateway:",
        {"Ref": "AWS::Region"},
        ":lambda:path/2015-03-31/functions/",
        {"Fn::GetAtt": [function, "Arn"]},
        "/invocations",
    ]
    return {"Fn::Join": ["", parts]}


def method(resource: Any, verb: str, integration: dict[str, Any], **more: Any) -> dict[str, Any]:
    properties = {
        "RestApiId": {"Ref": "Api"},
        "ResourceId": resource,
        "HttpMethod": verb,
        "AuthorizationType": "NONE",
        "Integration": integration,
        **more,
    }
    return {"Type": "AWS::ApiGateway::Method", "Properties": properties}


def proxy(function: str) -> dict[str, Any]:
    return {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": invocations(function)}


def preflight(methods: str) -> dict[str, Any]:
    prefix = "method.response.header.Access-Control-Allow-"
    headers = {
        f"{prefix}Headers": "'Content-Type,Authorization'",
        f"{prefix}Origin": "'*'",
        f"{prefix}Methods": f"'{methods}'",
    }
    return {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": "{ statusCode: 200 }"},
        "IntegrationResponses": [{"StatusCode": "204", "ResponseParameters": headers}],
    }


ROOT = {"Fn::GetAtt": ["Api", "RootResourceId"]}


def rest(**resources: Any) -> str:
    """A REST API with /orders/{id}, as `cdk synth` lays it out."""
    base: dict[str, Any] = {
        "F": FUNCTION,
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "orders"}},
        "Orders": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {"ParentId": ROOT, "PathPart": "orders", "RestApiId": {"Ref": "Api"}},
        },
        "Order": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {"ParentId": {"Ref": "Orders"}, "PathPart": "{id}", "RestApiId": {"Ref": "Api"}},
        },
    }
    return json.dumps({"Resources": base | resources}, indent=1)


def test_methods_of_a_rest_api_become_routes(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.json",
        rest(
            Deployment={"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": {"Ref": "Api"}}},
            Stage={
                "Type": "AWS::ApiGateway::Stage",
                "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "live", "Variables": {"v": "1"}},
            },
            Root=method(ROOT, "ANY", proxy("F")),
            Get=method({"Ref": "Order"}, "GET", proxy("F")),
            OrdersOptions=method({"Ref": "Orders"}, "OPTIONS", preflight("OPTIONS,GET,PUT")),
            OrderOptions=method({"Ref": "Order"}, "OPTIONS", preflight("OPTIONS,GET,PUT")),
            Mapping={
                "Type": "AWS::ApiGateway::BasePathMapping",
                "Properties": {"RestApiId": {"Ref": "Api"}, "BasePath": "v1", "DomainName": "x", "Stage": "live"},
            },
        ),
    )
    project = load()
    orders = api(project, "Api")
    assert (orders.kind, orders.name, orders.stage, orders.stage_variables) == ("rest", "orders", "live", {"v": "1"})
    assert orders.base_paths == ("v1",)
    assert orders.cors == CorsConfig(
        allow_origins=("*",),
        allow_methods=("OPTIONS", "GET", "PUT"),
        allow_headers=("Content-Type", "Authorization"),
    )
    assert [(r.id, r.function, r.api, r.method, r.path) for r in project.routes] == [
        ("Root", "F", "Api", "ANY", "/"),
        ("Get", "F", "Api", "GET", "/orders/{id}"),
    ]
    assert project.problems == ()


def test_preflights_that_differ_leave_the_methods_to_each_path(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.json",
        rest(
            Get=method({"Ref": "Order"}, "GET", proxy("F")),
            A=method({"Ref": "Orders"}, "OPTIONS", preflight("OPTIONS,POST")),
            B=method({"Ref": "Order"}, "OPTIONS", preflight("OPTIONS,GET")),
        ),
    )
    cors = api(load(), "Api").cors
    assert cors is not None and (cors.allow_origins, cors.allow_methods) == (("*",), ())


@pytest.mark.parametrize(
    ("integration", "function", "why"),
    [
        ({"Type": "AWS", "Uri": invocations("F")}, "F", "REST method with a non-proxy integration (AWS): not served"),
        ({"Type": "HTTP_PROXY", "Uri": "https://a.example"}, "", "non-proxy integration (HTTP_PROXY)"),
        ({"Type": "MOCK"}, "", "non-proxy integration (MOCK)"),
        (
            {"Type": "AWS_PROXY", "Uri": "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
             "arn:aws:lambda:eu-west-1:1:function:far/invocations"},
            "",
            "its function far is not in this project",
        ),
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_and_said(
    write: Write, load: Load, integration: dict[str, Any], function: str, why: str
) -> None:
    write("app.py")
    write("template.json", rest(Get=method({"Ref": "Order"}, "GET", integration)))
    project = load()
    found = route(project, "/orders/{id}")
    assert found.function == function and found.refused is not None and why in found.refused
    assert says(project, f"GET /orders/{{id}}: {found.refused}")[0] == "warning"


def test_authorizers_of_a_rest_api(write: Write, load: Load) -> None:
    def authorizer(**properties: Any) -> dict[str, Any]:
        return {"Type": "AWS::ApiGateway::Authorizer", "Properties": {"RestApiId": {"Ref": "Api"}, **properties}}

    write("app.py")
    write(
        "template.json",
        rest(
            Token=authorizer(
                Type="TOKEN",
                AuthorizerUri=invocations("F"),
                IdentitySource="method.request.header.Authorization",
                IdentityValidationExpression="^x",
                AuthorizerResultTtlInSeconds=0,
            ),
            Request=authorizer(
                Type="REQUEST",
                AuthorizerUri=invocations("F"),
                IdentitySource="method.request.querystring.token, stageVariables.realm, context.identity.sourceIp",
            ),
            Pool=authorizer(Type="COGNITO_USER_POOLS", ProviderARNs=["arn:aws:cognito-idp:x:1:userpool/y"]),
            A=method({"Ref": "Orders"}, "GET", proxy("F"), AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Token"}),
            B=method({"Ref": "Order"}, "GET", proxy("F"), AuthorizationType="AWS_IAM"),
        ),
    )
    project = load()
    assert api(project, "Api").authorizers[:2] == (
        AuthorizerConfig(
            name="Token", kind="token", function="F", identity=("header.Authorization",), validation="^x", ttl=0
        ),
        AuthorizerConfig(
            name="Request",
            kind="request",
            function="F",
            identity=("querystring.token", "stageVariables.realm", "context.identity.sourceIp"),
        ),
    )
    assert [r.authorizer for r in project.routes] == ["Token", "AWS_IAM"]
    assert says(project, "Pool (Cognito user pool)")[0] == "warning" and len(project.problems) == 2


def test_a_method_may_belong_to_sams_own_api(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        """Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Events: {A: {Type: Api, Properties: {Path: /a, Method: get}}}
      Environment:
        Variables:
          API: !Ref ServerlessRestApi
          STAGE: !Ref ServerlessRestApi.Stage
          AWS_URL: !Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/a"
          WEB: !GetAtt Web.ApiEndpoint
          WEB_ID: !Ref Web
  Web: {Type: "AWS::Serverless::HttpApi"}
  More:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref ServerlessRestApi, ParentId: !GetAtt ServerlessRestApi.RootResourceId, PathPart: b}
  MoreGet:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref ServerlessRestApi
      ResourceId: !Ref More
      HttpMethod: GET
      Integration:
        Type: AWS_PROXY
        Uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations
""",
    )
    project = load()
    assert [(r.api, r.path) for r in project.routes] == [("ServerlessRestApi", "/b"), ("ServerlessRestApi", "/a")]
    assert project.functions[0].environment == {
        "API": "ServerlessRestApi",
        "STAGE": "Prod",
        "AWS_URL": "https://ServerlessRestApi.execute-api.us-east-1.amazonaws.com/Prod/a",
        "WEB": "http://127.0.0.1:3000/_api/Web",
        "WEB_ID": "Web",
    }
    assert project.problems == ()


HTTP = {
    "F": FUNCTION,
    "Web": {
        "Type": "AWS::ApiGatewayV2::Api",
        "Properties": {
            "Name": "web",
            "ProtocolType": "HTTP",
            "CorsConfiguration": {"AllowOrigins": ["*"], "AllowMethods": ["GET"], "MaxAge": 5},
        },
    },
    "Stage": {
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {"ApiId": {"Ref": "Web"}, "StageName": "$default", "StageVariables": {"a": "b"}},
    },
    "ToF": {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": "Web"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": {"Fn::GetAtt": ["F", "Arn"]},
            "PayloadFormatVersion": "2.0",
        },
    },
    "Old": {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": "Web"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": invocations("F"),
        },
    },
    "ToQueue": {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": "Web"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": "SQS-SendMessage",
        },
    },
}


def http_route(key: str, target: str, **more: Any) -> dict[str, Any]:
    joined = {"Fn::Join": ["", ["integrations/", {"Ref": target}]]}
    properties = {"ApiId": {"Ref": "Web"}, "RouteKey": key, "Target": joined, **more}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def test_routes_of_an_http_api(write: Write, load: Load) -> None:
    write("app.py")
    resources = HTTP | {
        "A": http_route("GET /a/{id}", "ToF"),
        "B": http_route("ANY /{proxy+}", "Old"),
        "C": http_route("$default", "ToF"),
        "D": http_route("POST /q", "ToQueue"),
    }
    write("template.json", json.dumps({"Resources": resources}, indent=1))
    project = load()
    web = api(project, "Web")
    assert (web.kind, web.name, web.stage, web.stage_variables) == ("http", "web", "$default", {"a": "b"})
    assert web.cors == CorsConfig(allow_origins=("*",), allow_methods=("GET",), max_age=5)
    assert [(r.id, r.function, r.method, r.path, r.payload) for r in project.routes] == [
        ("A", "F", "GET", "/a/{id}", "2.0"),
        ("B", "F", "ANY", "/{proxy+}", "1.0"),
        ("C", "F", "ANY", "$default", "2.0"),
        ("D", "", "POST", "/q", "1.0"),
    ]
    assert project.routes[3].refused == "HTTP API route straight to a service (SQS-SendMessage): not served"
    assert says(project, "SQS-SendMessage")[0] == "warning" and len(project.problems) == 1


def test_authorizers_of_an_http_api(write: Write, load: Load) -> None:
    def authorizer(**properties: Any) -> dict[str, Any]:
        return {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": {"ApiId": {"Ref": "Web"}, **properties}}

    write("app.py")
    resources = HTTP | {
        "Ask": authorizer(
            AuthorizerType="REQUEST",
            AuthorizerUri=invocations("F"),
            AuthorizerPayloadFormatVersion="2.0",
            EnableSimpleResponses=True,
            IdentitySource=["$request.header.Authorization", "$context.http.path"],
            AuthorizerResultTtlInSeconds=60,
        ),
        "Jwt": authorizer(AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"]),
        "A": http_route("GET /a", "ToF", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Ask"}),
        "B": http_route("GET /b", "ToF", AuthorizationType="JWT", AuthorizerId={"Ref": "Jwt"}),
    }
    write("template.json", json.dumps({"Resources": resources}, indent=1))
    project = load()
    assert api(project, "Web").authorizers[0] == AuthorizerConfig(
        name="Ask",
        kind="request",
        function="F",
        payload="2.0",
        simple_responses=True,
        identity=("header.Authorization", "context.http.path"),
        ttl=60,
    )
    assert [r.authorizer for r in project.routes] == ["Ask", "Jwt"]
    assert says(project, "Jwt (JWT) of Web cannot be asked here")[0] == "warning" and len(project.problems) == 1


def test_quick_create_is_one_route_and_a_websocket_api_is_named(write: Write, load: Load) -> None:
    write("app.py")
    properties = {"ProtocolType": "HTTP", "Target": {"Fn::GetAtt": ["F", "Arn"]}}
    resources = {
        "F": FUNCTION,
        "Quick": {"Type": "AWS::ApiGatewayV2::Api", "Properties": properties},
        "Keyed": {"Type": "AWS::ApiGatewayV2::Api", "Properties": properties | {"RouteKey": "GET /k"}},
        "Socket": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}},
        "Connect": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {"ApiId": {"Ref": "Socket"}, "RouteKey": "$connect"},
        },
    }
    write("template.json", json.dumps({"Resources": resources}, indent=1))
    project = load()
    assert [(r.api, r.method, r.path, r.function) for r in project.routes] == [
        ("Quick", "ANY", "$default", "F"),
        ("Keyed", "GET", "/k", "F"),
    ]
    assert [a.id for a in project.apis] == ["Quick", "Keyed"]
    assert says(project, "WebSocket APIs are not served")[0] == "warning" and len(project.problems) == 1


def test_rules_of_a_load_balancer(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        """Resources:
  F:
    Type: AWS::Lambda::Function
    Properties: {Handler: app.handler, Runtime: python3.12, Code: .}
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Scheme: internal}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Group}]
  Secure:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 443
      DefaultActions:
      - Type: fixed-response
        FixedResponseConfig: {StatusCode: "404"}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      TargetType: lambda
      Targets: [{Id: !GetAtt F.Arn}]
      TargetGroupAttributes: [{Key: lambda.multi_value_headers.enabled, Value: true}]
  Machines:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {TargetType: ip}
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 5
      Conditions:
      - {Field: path-pattern, Values: [/a/*, /b]}
      - {Field: http-request-method, HttpRequestMethodConfig: {Values: [GET]}}
      - {Field: host-header, HostHeaderConfig: {Values: [Shop.example.com]}}
      - {Field: http-header, HttpHeaderConfig: {HttpHeaderName: X-Beta, Values: ["yes", "1*"]}}
      - {Field: query-string, QueryStringConfig: {Values: [{Key: v, Value: "2"}, {Value: any}]}}
      Actions: [{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: !Ref Group}]}}]
  Elsewhere:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Secure
      Priority: 6
      Conditions: [{Field: path-pattern, PathPatternConfig: {Values: [/old/*]}}]
      Actions: [{Type: forward, TargetGroupArn: !Ref Machines}]
""",
    )
    project = load()
    assert [(a.id, a.kind) for a in project.apis] == [("Balancer", "alb")]
    assert [(r.id, r.method, r.path, r.priority, r.function) for r in project.routes] == [
        ("Listener", "ANY", "*", 50_001, "F"),
        ("Rule", "GET", "/a/*", 5, "F"),
        ("Rule1", "GET", "/b", 5, "F"),
        ("Elsewhere", "ANY", "/old/*", 6, ""),
    ]
    rule = project.routes[1]
    assert rule.multi_value and rule.hosts == ("shop.example.com",) and rule.headers == {"X-Beta": ("yes", "1*")}
    assert rule.query == (("v", "2"), ("*", "any")) and rule.api == "Balancer"
    assert says(project, "an action of type fixed-response is not served") == ("notice", 19)
    assert says(project, "its target group holds no function of this project")[0] == "warning"
    assert len(project.problems) == 2


def test_of_two_stages_the_first_is_served(write: Write, load: Load) -> None:
    def stage(name: str) -> dict[str, Any]:
        return {"Type": "AWS::ApiGateway::Stage", "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": name}}

    write("app.py")
    deployment = {
        "Type": "AWS::ApiGateway::Deployment",
        "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "blue"},
    }
    write("template.json", rest(Blue=stage("blue"), Green=stage("green"), Deployment=deployment))
    project = load()
    assert api(project, "Api").stage == "blue"
    assert says(project, "the stage green of Api is not served beside blue")[0] == "notice"
    assert len(project.problems) == 1


def test_a_deployment_may_name_the_stage_itself(write: Write, load: Load) -> None:
    write("app.py")
    properties = {
        "RestApiId": {"Ref": "Api"},
        "StageName": "dev",
        "StageDescription": {"Variables": {"a": "b"}},
    }
    write("template.json", rest(Deployment={"Type": "AWS::ApiGateway::Deployment", "Properties": properties}))
    project = load()
    assert (api(project, "Api").stage, api(project, "Api").stage_variables) == ("dev", {"a": "b"})
    assert project.problems == ()


def test_the_parts_of_apis_have_names_that_functions_may_be_told(write: Write, load: Load) -> None:
    write("app.py")
    variables = {
        "STAGE": {"Ref": "Stage"},
        "API_ID": {"Fn::GetAtt": ["Web", "ApiId"]},
        "ENDPOINT": {"Fn::GetAtt": ["Web", "ApiEndpoint"]},
        "BALANCER": {"Fn::Sub": "http://${Balancer.DNSName}/"},
    }
    function = {"Type": "AWS::Lambda::Function", "Properties": {**FUNCTION["Properties"]}}
    function["Properties"]["Environment"] = {"Variables": variables}
    resources = HTTP | {
        "F": function,
        "Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer"},
        "Mapping": {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {"ApiId": {"Ref": "Web"}, "ApiMappingKey": "v2/web", "DomainName": "x", "Stage": "$default"},
        },
    }
    write("template.json", json.dumps({"Resources": resources}, indent=1))
    project = load()
    assert project.functions[0].environment == {
        "STAGE": "$default",
        "API_ID": "Web",
        "ENDPOINT": "http://127.0.0.1:3000/_api/Web",
        "BALANCER": "http://127.0.0.1:3000/",
    }
    assert api(project, "Web").base_paths == ("v2/web",) and project.problems == ()
