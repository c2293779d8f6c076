"""The HTTP part of SAM templates: APIs, their authorizers and CORS, and the events that name them."""

from __future__ import annotations

from lambdatui.config.model import ApiConfig, AuthorizerConfig, CorsConfig, Project, RouteConfig
from tests.config.helpers import Load, Write, says

HEAD = """AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
"""
AUTHORIZER = """
  AuthFunction:
    Type: AWS::Serverless::Function
    Properties: {Handler: auth.handler, Runtime: python3.12}
"""


def api(project: Project, name: str) -> ApiConfig:
    return next(api for api in project.apis if api.id == name)


def route(project: Project, path: str) -> RouteConfig:
    return next(route for route in project.routes if route.path == path)


def test_events_without_an_api_make_sams_own_ones_with_what_globals_say(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        HEAD
        + """
Globals:
  Api:
    Cors: "'*'"
    BinaryMediaTypes: [image~1png]
  HttpApi:
    CorsConfiguration: true
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Events:
        Get: {Type: Api, Properties: {Path: /hello, Method: get}}
        All: {Type: HttpApi}
        Old: {Type: HttpApi, Properties: {Path: "/old/{proxy+}", Method: "*", PayloadFormatVersion: "1.0"}}
""",
    )
    project = load()
    rest, http = api(project, "ServerlessRestApi"), api(project, "ServerlessHttpApi")
    assert (rest.kind, rest.name, rest.stage, rest.binary_types) == ("rest", "shop", "Prod", ("image/png",))
    assert rest.cors == CorsConfig(allow_origins=("*",))
    assert (http.kind, http.stage, http.cors) == ("http", "$default", CorsConfig(allow_origins=("*",)))
    assert [(r.api, r.method, r.path, r.payload) for r in project.routes] == [
        ("ServerlessRestApi", "GET", "/hello", None),
        ("ServerlessHttpApi", "ANY", "$default", None),
        ("ServerlessHttpApi", "ANY", "/old/{proxy+}", "1.0"),
    ]
    assert project.problems == ()


def test_a_rest_api_says_its_stage_variables_cors_and_domain(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        HEAD
        + """
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Orders:
    Type: AWS::Serverless::Api
    Properties:
      Name: orders
      StageName: !Ref Stage
      Variables: {TABLE: !Sub "orders-${Stage}", VERBOSE: true}
      BinaryMediaTypes: ["*~1*"]
      EndpointConfiguration: REGIONAL
      GatewayResponses:
        DEFAULT_4XX: {StatusCode: 422}
      Domain: {DomainName: api.example.com, CertificateArn: x, BasePath: [v1, /orders/, /]}
      Cors:
        AllowOrigin: "'https://shop.example.com'"
        AllowMethods: "'GET,POST,OPTIONS'"
        AllowHeaders: "'Content-Type, Authorization'"
        MaxAge: "'600'"
        AllowCredentials: true
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Events:
        Get:
          Type: Api
          Properties:
            Path: /orders/{id}
            Method: get
            RestApiId: !Ref Orders
            RequestParameters: [method.request.querystring.page]
""",
    )
    project = load()
    orders = api(project, "Orders")
    assert (orders.name, orders.stage, orders.base_paths) == ("orders", "dev", ("v1", "orders"))
    assert orders.stage_variables == {"TABLE": "orders-dev", "VERBOSE": "true"} and orders.binary_types == ("*/*",)
    assert orders.cors == CorsConfig(
        allow_origins=("https://shop.example.com",),
        allow_methods=("GET", "POST", "OPTIONS"),
        allow_headers=("Content-Type", "Authorization"),
        max_age=600,
        allow_credentials=True,
    )
    assert orders.kept == {
        "EndpointConfiguration": "REGIONAL",
        "GatewayResponses": {"DEFAULT_4XX": {"StatusCode": 422}},
    }
    assert orders.line == 7 and orders.file == "template.yaml"
    found = route(project, "/orders/{id}")
    assert (found.api, found.kept) == ("Orders", {"RequestParameters": ["method.request.querystring.page"]})
    assert project.problems == ()


def test_lambda_authorizers_of_a_rest_api(write: Write, load: Load) -> None:
    write("auth.py")
    write(
        "template.yaml",
        HEAD
        + """
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        DefaultAuthorizer: Token
        ResourcePolicy: {IpRangeWhitelist: [10.0.0.0/8]}
        Authorizers:
          Token:
            FunctionArn: !GetAtt AuthFunction.Arn
            Identity: {Header: X-Token, ValidationExpression: "^Bearer .+$", ReauthorizeEvery: 0}
          Request:
            FunctionPayloadType: REQUEST
            FunctionArn: !GetAtt AuthFunction.Arn
            Identity:
              Headers: [Authorization]
              QueryStrings: [token]
              StageVariables: [realm]
              Context: [path]
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: auth.handler
      Runtime: python3.12
      Events:
        Default: {Type: Api, Properties: {Path: /default, Method: get, RestApiId: !Ref Api}}
        Own:
          Type: Api
          Properties: {Path: /own, Method: get, RestApiId: !Ref Api, Auth: {Authorizer: Request}}
        Open:
          Type: Api
          Properties: {Path: /open, Method: get, RestApiId: !Ref Api, Auth: {Authorizer: NONE}}
        Typo:
          Type: Api
          Properties: {Path: /typo, Method: get, RestApiId: !Ref Api, Auth: {Authorizer: Tokn}}
"""
        + AUTHORIZER,
    )
    project = load()
    assert api(project, "Api").authorizers == (
        AuthorizerConfig(
            name="Token",
            kind="token",
            function="AuthFunction",
            identity=("header.X-Token",),
            validation="^Bearer .+$",
            ttl=0,
        ),
        AuthorizerConfig(
            name="Request",
            kind="request",
            function="AuthFunction",
            identity=("header.Authorization", "querystring.token", "stageVariables.realm", "context.path"),
        ),
    )
    assert api(project, "Api").kept == {"Auth": {"ResourcePolicy": {"IpRangeWhitelist": ["10.0.0.0/8"]}}}
    assert [(r.path, r.authorizer) for r in project.routes] == [
        ("/default", "Token"),
        ("/own", "Request"),
        ("/open", None),
        ("/typo", None),
    ]
    assert says(project, "Api has no authorizer Tokn") == ("warning", 39)
    assert len(project.problems) == 1


def test_authorizers_that_cannot_be_asked_are_said_once_each(write: Write, load: Load) -> None:
    write("app.py")
    event = "{Type: Api, Properties: {Path: /%s, Method: get, RestApiId: !Ref Api, Auth: {Authorizer: %s}}}"
    write(
        "template.yaml",
        HEAD
        + f"""
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        ApiKeyRequired: true
        DefaultAuthorizer: Pool
        Authorizers:
          Pool: {{UserPoolArn: "arn:aws:cognito-idp:us-east-1:1:userpool/x"}}
          Far: {{FunctionArn: "arn:aws:lambda:us-east-1:1:function:elsewhere"}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Events:
        A: {event % ("a", "AWS_IAM")}
        B: {event % ("b", "AWS_IAM")}
        C: {event % ("c", "Pool")}
""",
    )
    project = load()
    assert [(a.name, a.kind, a.function) for a in api(project, "Api").authorizers] == [
        ("Pool", "cognito", None),
        ("Far", "token", None),
        ("AWS_IAM", "iam", None),
    ]
    assert [r.authorizer for r in project.routes] == ["AWS_IAM", "AWS_IAM", "Pool"]
    assert says(project, "Pool (Cognito user pool) of Api cannot be asked here: requests pass") == ("warning", 13)
    assert says(project, "the authorizer Far of Api is not in this project") == ("warning", 14)
    assert says(project, "AWS_IAM (IAM authorization)") == ("warning", 21)
    assert says(project, "Api asks for API keys") == ("warning", 10)
    assert len(project.problems) == 4


def test_authorizers_and_cors_of_an_http_api(write: Write, load: Load) -> None:
    write("auth.py")
    write(
        "template.yaml",
        HEAD
        + """
Resources:
  Web:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageName: v1
      StageVariables: {color: blue}
      CorsConfiguration:
        AllowOrigins: [https://a.example, https://b.example]
        AllowMethods: [get, POST]
        AllowHeaders: ["*"]
        ExposeHeaders: [x-total]
        MaxAge: 60
        AllowCredentials: true
      Auth:
        DefaultAuthorizer: Simple
        EnableIamAuthorizer: true
        Authorizers:
          Simple:
            FunctionArn: !GetAtt AuthFunction.Arn
            AuthorizerPayloadFormatVersion: 2.0
            EnableSimpleResponses: true
            Identity: {Headers: [Authorization], ReauthorizeEvery: 30}
          Policy:
            FunctionArn: !GetAtt AuthFunction.Arn
            AuthorizerPayloadFormatVersion: "1.0"
          Jwt:
            JwtConfiguration: {issuer: https://issuer.example, audience: [me]}
            IdentitySource: $request.header.Authorization
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: auth.handler
      Runtime: python3.12
      Events:
        A: {Type: HttpApi, Properties: {Path: /a, Method: GET, ApiId: !Ref Web}}
        B: {Type: HttpApi, Properties: {Path: /b, Method: GET, ApiId: !Ref Web, Auth: {Authorizer: Jwt}}}
        C: {Type: HttpApi, Properties: {Path: /c, Method: GET, ApiId: !Ref Web, Auth: {Authorizer: NONE}}}
"""
        + AUTHORIZER,
    )
    project = load()
    web = api(project, "Web")
    assert (web.stage, web.stage_variables) == ("v1", {"color": "blue"})
    assert web.cors == CorsConfig(
        allow_origins=("https://a.example", "https://b.example"),
        allow_methods=("GET", "POST"),
        allow_headers=("*",),
        expose_headers=("x-total",),
        max_age=60,
        allow_credentials=True,
    )
    simple, policy, jwt = web.authorizers
    assert simple == AuthorizerConfig(
        name="Simple",
        kind="request",
        function="AuthFunction",
        payload="2.0",
        simple_responses=True,
        identity=("header.Authorization",),
        ttl=30,
    )
    assert (policy.payload, policy.simple_responses, policy.ttl) == ("1.0", False, 0)
    assert (jwt.kind, jwt.function) == ("jwt", None)
    assert [(r.path, r.authorizer) for r in project.routes] == [("/a", "Simple"), ("/b", "Jwt"), ("/c", None)]
    assert says(project, "Jwt (JWT) of Web cannot be asked here") == ("warning", 29)
    assert len(project.problems) == 1


def test_a_function_url_is_an_api_of_its_own(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        HEAD
        + """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: pages
      Handler: app.handler
      Runtime: python3.12
      FunctionUrlConfig:
        AuthType: AWS_IAM
        InvokeMode: BUFFERED
        Cors: {AllowOrigins: ["*"], AllowMethods: [GET], MaxAge: 10}
""",
    )
    project = load()
    pages = api(project, "pages")
    assert (pages.kind, pages.name) == ("url", "FUrl")
    assert pages.cors == CorsConfig(allow_origins=("*",), allow_methods=("GET",), max_age=10)
    assert [(r.api, r.method, r.path, r.authorizer) for r in project.routes] == [
        ("pages", "ANY", "$default", "AWS_IAM")
    ]
    assert says(project, "AWS_IAM (IAM authorization) of pages") == ("warning", 12)


def test_a_preflight_that_aws_would_refuse_is_said(write: Write, load: Load) -> None:
    write("auth.py")
    body = """
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Cors: "'*'"
      Auth:
        DefaultAuthorizer: Token
        Authorizers: {Token: {FunctionArn: !GetAtt AuthFunction.Arn}}
"""
    write("template.yaml", HEAD + body + AUTHORIZER)
    assert says(load(), "asked about preflights too") == ("notice", 11)
    write("template.yaml", HEAD + body + "        AddDefaultAuthorizerToCorsPreflight: false\n" + AUTHORIZER)
    assert load().problems == ()


def test_one_path_of_two_apis_answers_at_each_apis_address(write: Write, load: Load) -> None:
    write("app.py")
    function = """
  %s:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Events: {A: {Type: Api, Properties: {Path: /x, Method: get, RestApiId: !Ref %s}}}
"""
    apis = "".join(
        f"  {name}:\n    Type: AWS::Serverless::Api\n    Properties: {{StageName: prod}}\n" for name in ("One", "Two")
    )
    write("template.yaml", HEAD + "Resources:\n" + apis + function % ("F", "One") + function % ("G", "Two"))
    project = load()
    assert says(project, "G: GET /x is already answered by F of One")[0] == "notice"
    assert says(project, "/_api/Two/x")[0] == "notice"


def test_an_api_of_another_stack_leaves_the_route_without_settings(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        HEAD
        + """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Events: {A: {Type: Api, Properties: {Path: /x, Method: get, RestApiId: abc123}}}
""",
    )
    project = load()
    assert (project.apis, project.routes[0].api) == ((), "")
    assert says(project, "the API abc123 is not in this template") == ("warning", 10)
