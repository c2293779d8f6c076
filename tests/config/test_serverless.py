"""serverless.yml as people write it: functions, resources, plugins, and what is wrong with it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from lambdatui.config.loader import check_project
from lambdatui.config.model import Destination, FunctionConfig, Project, QueueMapping
from lambdatui.config.serverless_plugins import WSGI_LAYER
from tests.config.helpers import Load, Write, says

TODOS = Path(__file__).parent / "templates" / "todos.yml"
HEAD = "service: shop\nprovider: {name: aws, runtime: python3.12}\n"


def function(project: Project, name: str) -> FunctionConfig:
    return next(one for one in project.functions if name in {one.name, one.logical_id, *one.aliases})


@pytest.fixture
def todos(write: Write, load: Load, project: Path) -> Project:
    shutil.copy(TODOS, project / "serverless.yml")
    for name in ("create", "list", "get"):
        write(f"todos/{name}.py", "def create(e, c): ...\n\n\nlist_all = get = create\n")
    write("notify.py")
    return load()


def test_the_whole_service_loads(todos: Project) -> None:
    assert todos.kind == "serverless" and not todos.broken
    assert [one.name for one in todos.functions] == ["create", "list-all", "get", "notify"]
    assert [p.message for p in check_project(todos)] == [
        "the plugin serverless-step-functions is not run: what it would add is missing here"
    ]
    assert says(todos, "serverless-step-functions") == ("notice", 30)


def test_the_frameworks_defaults_are_not_lambdas(todos: Project) -> None:
    create, listing = function(todos, "create"), function(todos, "list-all")
    assert (create.memory, create.timeout, create.runtime) == (1024, 6, "python3.11")
    assert (listing.memory, listing.timeout) == (256, 20)
    assert create.code_root == todos.root and create.handler == "todos/create.create" and create.line == 33


def test_a_function_has_all_its_names(todos: Project) -> None:
    assert function(todos, "todos-dev-list-all").name == "list-all"
    assert function(todos, "ListDashallLambdaFunction").name == "list-all"
    assert function(todos, "the-notifier").aliases == ("todos-dev-notify", "the-notifier")


def test_variables_of_the_provider_come_below_the_functions_own(todos: Project) -> None:
    assert function(todos, "list-all").environment == {
        "TABLE": "todos-dev",
        "STAGE": "dev",
        "STACK": "todos-dev",
        "NOTIFIER": "todos-dev-notify",
        "PAGE": "50",
    }


def test_a_stage_is_a_parameter(todos: Project, load: Load) -> None:
    prod = load(parameters={"stage": "prod"})
    assert function(prod, "create").environment["TABLE"] == "todos-prod"
    assert function(prod, "create").aliases == ("todos-prod-create",)
    assert prod.apis[0].stage == "prod"
    assert not [p for p in prod.problems if "--parameter" in p.message], "it was used"


def test_failures_and_limits_reach_the_function(todos: Project) -> None:
    notify = function(todos, "notify")
    assert (notify.reserved_concurrency, notify.maximum_retry_attempts, notify.maximum_event_age) == (2, 1, 120)
    assert notify.dead_letter_queue == "Dead"
    assert notify.on_success == Destination(kind="queue", name="todos-done")


def test_resources_are_declared(todos: Project) -> None:
    assert [(r.type, r.name, r.line) for r in todos.resources] == [("AWS::DynamoDB::Table", "todos-dev", 78)]
    assert {q.name for q in todos.queues} == {"Dead", "todos-done"}
    (mapping,) = todos.mappings
    assert mapping.function == "notify" and mapping.batch_size == 25


def test_routes_stand_in_one_rest_api_with_its_cors(todos: Project) -> None:
    assert [(r.method, r.path, r.function, r.api) for r in todos.routes] == [
        ("POST", "/todos", "create", "ApiGatewayRestApi"),
        ("GET", "/todos", "list-all", "ApiGatewayRestApi"),
        ("GET", "/todos/{id}", "get", "ApiGatewayRestApi"),
    ]
    (api,) = todos.apis
    assert (api.kind, api.stage, api.name) == ("rest", "dev", "dev-todos")
    assert api.cors is not None and api.cors.allow_credentials and api.cors.max_age == 600
    assert api.cors.allow_origins == ("*", "https://a.example", "https://b.example")
    assert {"X-Token", "Authorization"} <= set(api.cors.allow_headers)
    assert set(api.cors.allow_methods) == {"OPTIONS", "POST", "GET"}


# version 4


def test_stages_and_dotenv_of_version_4(write: Write, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_HOST", raising=False)
    write(".env", "API_HOST=general\nOTHER=o\n")
    write(".env.prod", "API_HOST=of-prod\n")
    write("app.py")
    write(
        "serverless.yml",
        "service: shop\n"
        "stages:\n  default:\n    params: {size: 128, flag: 'no'}\n  prod:\n    params: {size: 512}\n"
        "provider:\n  name: aws\n  runtime: python3.13\n"
        "  environment: {HOST: '${env:API_HOST}', FLAG: '${param:flag}', OTHER: '${env:OTHER}'}\n"
        "functions:\n  a:\n    handler: app.handler\n    memorySize: ${param:size}\n",
    )
    dev, prod = load(), load(parameters={"stage": "prod"})
    assert (dev.functions[0].memory, prod.functions[0].memory) == (128, 512)
    assert dev.functions[0].environment == {"HOST": "general", "FLAG": "no", "OTHER": "o"}
    assert prod.functions[0].environment["HOST"] == "of-prod"
    assert str(Path(prod.root) / ".env.prod") in prod.files


def test_dotenv_is_read_in_version_3_only_if_asked(write: Write, load: Load) -> None:
    write(".env", "LAMBDATUI_TEST_ONE=1\n")
    body = (
        "service: s\nprovider: {name: aws, runtime: python3.12}\n"
        "functions: {a: {handler: app.handler, environment: {AB: '${env:LAMBDATUI_TEST_ONE, \"none\"}'}}}\n"
    )
    write("app.py")
    write("serverless.yml", body)
    assert load().functions[0].environment == {"AB": "none"}
    write("serverless.yml", body + "useDotenv: true\n")
    assert load().functions[0].environment == {"AB": "1"}


# plugins


def test_lift_queues(write: Write, load: Load) -> None:
    write("worker.py")
    write(
        "serverless.yml",
        HEAD + "plugins: [serverless-lift]\n"
        "constructs:\n"
        "  my-jobs:\n    type: queue\n    batchSize: 5\n    maxRetries: 4\n"
        "    worker: {handler: worker.handler, timeout: 10}\n"
        "  letters:\n    type: queue\n    fifo: true\n    worker: {handler: worker.handler}\n"
        "  avatars: {type: storage}\n"
        "  landing: {type: static-website, path: dist}\n"
        "functions:\n"
        "  put:\n    handler: worker.handler\n"
        "    environment: {URL: '${construct:my-jobs.queueUrl}', BUCKET: '${construct:avatars.bucketName}'}\n",
    )
    shop = load()
    queues = {queue.name: queue for queue in shop.queues}
    jobs = queues["shop-dev-my-jobs"]
    assert (jobs.visibility_timeout, jobs.redrive_queue, jobs.max_receive_count) == (60, "shop-dev-my-jobs-dlq", 4)
    assert queues["shop-dev-letters.fifo"].fifo and queues["shop-dev-letters-dlq.fifo"].fifo
    assert function(shop, "my-jobsWorker").timeout == 10
    mapping = next(m for m in shop.mappings if m.function == "my-jobsWorker")
    assert isinstance(mapping, QueueMapping)
    assert (mapping.queue, mapping.batch_size, mapping.report_batch_item_failures) == ("shop-dev-my-jobs", 5, True)
    assert function(shop, "put").environment == {
        "URL": "http://127.0.0.1:3001/000000000000/shop-dev-my-jobs",
        "BUCKET": "shop-dev-avatars",
    }
    assert says(shop, "Lift's static-website is not served") == ("warning", 15)


def test_lift_s_single_table(write: Write, load: Load) -> None:
    write("worker.py")
    write(
        "serverless.yml",
        HEAD + "plugins: [serverless-lift]\n"
        "constructs: {db: {type: database/dynamodb-single-table, gsiCount: 1}}\n"
        "functions: {a: {handler: worker.handler, environment: {TABLE: '${construct:db.tableName}'}}}\n",
    )
    shop = load()
    (table,) = shop.resources
    assert table.name == "shop-dev-db" == shop.functions[0].environment["TABLE"]
    assert [index["IndexName"] for index in table.properties["GlobalSecondaryIndexes"]] == ["GSI-1"]


def test_python_requirements_of_each_module(write: Write, load: Load, project: Path) -> None:
    write("a/app.py")
    write("a/deps.txt", "")
    write("b/app.py")
    write(
        "serverless.yml",
        HEAD + "plugins: {modules: [serverless-python-requirements]}\n"
        "package: {individually: true}\n"
        "custom:\n  pythonRequirements:\n    fileName: deps.txt\n    layer: true\n"
        "functions:\n"
        "  a: {handler: app.handler, module: a, layers: [{Ref: PythonRequirementsLambdaLayer}]}\n"
        "  b: {handler: app.handler, module: b}\n",
    )
    shop = load()
    assert [one.code_root for one in shop.functions] == [str(project / "a"), str(project / "b")]
    assert [one.requirements for one in shop.functions] == [str(project / "a" / "deps.txt"), None]
    assert shop.functions[0].layers == ()
    assert says(shop, "there is no b/deps.txt") == ("warning", 7)
    assert not check_project(shop)[1:]


def test_pseudo_parameters_and_dotenv_plugins(write: Write, load: Load) -> None:
    write("app.py")
    write(".env", "KEY_ONE=1\n")
    write(
        "serverless.yml",
        HEAD + "plugins: [serverless-pseudo-parameters, serverless-dotenv-plugin]\n"
        "functions: {a: {handler: app.handler, environment: {ARN: 'arn:#{AWS::Region}:#{AWS::AccountId}'}}}\n",
    )
    assert load().functions[0].environment == {"KEY_ONE": "1", "ARN": "arn:us-east-1:000000000000"}


# functions


def test_layers_and_archives(write: Write, load: Load, project: Path) -> None:
    write("app.py")
    write("shared/python/common.py", "")
    write(
        "serverless.yml",
        HEAD + "layers:\n  shared-code:\n    path: shared\n"
        "functions:\n  a:\n    handler: app.handler\n    layers: [!Ref SharedDashcodeLambdaLayer]\n",
    )
    shop = load()
    assert shop.functions[0].layers == (str(project / "shared"),)
    assert not shop.problems


def test_resources_and_extensions_lie_on_top_of_what_the_framework_makes(write: Write, load: Load) -> None:
    write("app.py")
    write("more.yml", "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\n")
    write(
        "serverless.yml",
        HEAD + "functions: {a: {handler: app.handler}, b: {handler: app.handler}}\n"
        "resources:\n"
        "  - Resources:\n      ALambdaFunction: {Type: AWS::Lambda::Function, Properties: {MemorySize: 333}}\n"
        "  - ${file(more.yml)}\n"
        "  - extensions: {BLambdaFunction: {Properties: {ReservedConcurrentExecutions: 7}}}\n",
    )
    shop = load()
    assert function(shop, "a").memory == 333 and function(shop, "b").reserved_concurrency == 7
    assert [q.name for q in shop.queues] == ["Jobs"]


def test_functions_of_several_files(write: Write, load: Load, project: Path) -> None:
    write("app.py")
    write("one.yml", "a:\n  handler: app.handler\n")
    write("two.yml", "b:\n  handler: app.handler\n  timeot: 3\n")
    write("serverless.yml", HEAD + "functions:\n  - ${file(one.yml)}\n  - ${file(two.yml)}\n")
    shop = load()
    assert [one.name for one in shop.functions] == ["a", "b"]
    assert says(shop, "b has no key timeot") == ("notice", 5), "the line of the variable: the file is serverless.yml"
    assert {str(project / "one.yml"), str(project / "two.yml")} <= set(shop.files), "a save of them is a reload"


def test_conditions_and_images(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "serverless.yml",
        HEAD + "functions:\n"
        "  a: {handler: app.handler, condition: Never}\n"
        "  b: {image: 'repo/x:1'}\n"
        "  c: {handler: app.handler, runtime: nodejs20.x}\n"
        "resources: {Conditions: {Never: !Equals [a, b]}}\n",
    )
    shop = load()
    assert [(one.name, bool(one.unserved)) for one in shop.functions] == [("b", True), ("c", True)]


def test_a_service_without_a_runtime_is_one_of_nodejs(write: Write, load: Load) -> None:
    write(
        "serverless.yml", "service: s\nprovider: aws\nfunctions: {a: {handler: app.handler}, b: {handler: p.handler}}\n"
    )
    write("p.py")
    by_name = {one.name: one for one in load().functions}
    assert by_name["a"].unserved == "the runtime nodejs20.x is not served"
    assert by_name["b"].unserved is None, "its file is Python: Runtime is only missing"


# problems


def test_what_is_wrong_is_said_with_its_line(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "serverless.yml",
        "service: shop\n"
        "provider:\n  name: aws\n  runtime: python3.12\n  regoin: x\n  region: eu-west-1\n"
        "fonctions: {}\n"
        "functions:\n"
        "  a:\n    handler: app.handler\n    memorySise: 3\n    memorySize: 64\n"
        "    environment: {SECRET: '${ssm:/shop/key}', GONE: '${self:custom.nothing}'}\n"
        "    events:\n      - http: /orders\n      - htttp: GET /\n      - websocket: $connect\n"
        "  'b b':\n    handler: app.handler\n"
        "  c-d: {handler: app.handler}\n"
        "  cDashd: {handler: app.handler}\n"
        "  e: 5\n",
    )
    shop = load()
    assert says(shop, "provider has no key regoin") == ("notice", 5)
    assert says(shop, "the engine's region is us-east-1") == ("notice", 6)
    assert says(shop, "serverless.yml has no key fonctions") == ("notice", 7)
    assert says(shop, "a has no key memorySise") == ("notice", 11)
    assert says(shop, "Did you mean memorySize?") == ("notice", 11)
    assert says(shop, "greater than or equal to 128") == ("warning", 12)
    assert says(shop, "read from the Parameter Store") == ("warning", 13)
    assert says(shop, "there is no custom.nothing in the file") == ("warning", 13)
    assert says(shop, "it names no path") == ("warning", 15)
    assert says(shop, "there is no event type htttp") == ("warning", 16)
    assert says(shop, "events of type websocket are not served") == ("warning", 17)
    assert says(shop, "the function key 'b b' is not valid") == ("error", 18)
    assert says(shop, "have the same logical id CDashdLambdaFunction") == ("error", 21)
    assert says(shop, "the function e must be a mapping") == ("error", 22)
    assert {p.file for p in shop.problems} == {"serverless.yml"}
    assert [one.name for one in shop.functions] == ["a", "c-d"]
    assert not [p for p in shop.problems if "ALambdaFunction" in p.message], "functions are called by their keys"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("service: [", "cannot be read"),
        ("service: x\n", "it names no provider"),
        ("service: x\nprovider: {name: google}\n", "the provider google is not served"),
        ("service: x\nprovider: ${file(gone.yml)}\n", "it names no provider"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_broken(write: Write, load: Load, text: str, words: str) -> None:
    write("serverless.yml", text)
    shop = load()
    assert shop.broken and says(shop, words)[0] == "error"


def test_a_service_without_functions_and_a_json_one(write: Write, load: Load) -> None:
    write("serverless.json", '{"service": "x", "provider": {"name": "aws"}}')
    shop = load()
    assert shop.kind == "serverless" and says(shop, "serverless.yml declares no functions") == ("notice", 1)


def test_lambdatui_toml_lies_on_top(write: Write, load: Load) -> None:
    write("app.py")
    write("serverless.yml", HEAD + "functions: {a: {handler: app.handler, environment: {KEY: '${param:key}'}}}\n")
    write("lambdatui.toml", '[parameters]\nkey = "v"\n[functions.a]\nmemory = 300\n')
    shop = load()
    assert (shop.functions[0].memory, shop.functions[0].environment) == (300, {"KEY": "v"})


def test_a_program_that_makes_the_service_is_named(write: Write, load: Load) -> None:
    write("serverless.ts", "export = {}\n")
    assert says(load(), "serverless.ts is a program") == ("warning", None)


def test_an_artifact_is_the_code_where_it_is_there(write: Write, load: Load, project: Path) -> None:
    write("serverless.yml", HEAD + "package:\n  artifact: out.zip\nfunctions: {a: {handler: app.handler}}\n")
    assert says(load(), "the artifact out.zip is not there") == ("notice", 4)
    with zipfile.ZipFile(project / "out.zip", "w") as archive:
        archive.writestr("app.py", "def handler(event, context): ...\n")
    shop = load()
    assert (Path(shop.functions[0].code_root) / "app.py").is_file() and not check_project(shop)


def test_a_file_that_is_not_there_yet_is_waited_for(write: Write, load: Load, project: Path) -> None:
    write("app.py")
    write("serverless.yml", HEAD + "functions: {a: {handler: app.handler, timeout: '${file(soon.yml):t}'}}\n")
    shop = load()
    assert str(project / "soon.yml") in shop.files and says(shop, "there is no file soon.yml")[0] == "warning"
    write("soon.yml", "t: 9\n")
    assert load().functions[0].timeout == 9


def test_the_region_is_the_files_where_nobody_asked_for_another(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "serverless.yml",
        "service: s\nprovider:\n  name: aws\n  runtime: python3.12\n  region: ${self:custom.dev.region}\n"
        "  environment: {PLACE: '${aws:region} ${self:provider.region}', QUEUE: !GetAtt Q.Arn}\n"
        "custom: {dev: {region: eu-west-1}}\nfunctions: {a: {handler: app.handler}}\n"
        "resources: {Resources: {Q: {Type: 'AWS::SQS::Queue'}}}\n",
    )
    shop = load(own_region=True)
    assert shop.region == "eu-west-1" and not shop.problems
    assert shop.functions[0].environment["PLACE"] == "eu-west-1 eu-west-1"
    assert ":eu-west-1:" in shop.functions[0].environment["QUEUE"]
    assert load().region == "us-east-1" and says(load(), "--region eu-west-1") == ("notice", 5)


WSGI = f"""{HEAD}plugins: [serverless-wsgi]
functions: {{a: {{handler: wsgi.handler, environment: {{PAGE: 1}}}}, b: {{handler: app.b}}}}
"""


def test_wsgi_functions_serve_the_application_that_custom_names(write: Write, load: Load) -> None:
    write("app.py", "app = b = 1\n")
    write("serverless.yml", WSGI + "custom: {wsgi: {app: app.app, textMimeTypes: [text/csv2]}}\n")
    shop = load()
    assert check_project(shop) == ()
    a, b = shop.functions
    assert (a.handler, a.layers, a.environment["PAGE"]) == ("wsgi_handler.handler", (str(WSGI_LAYER),), "1")
    assert json.loads(a.environment["SERVERLESS_WSGI"]) == {"app": "app.app", "text_mime_types": ["text/csv2"]}
    assert (b.handler, b.layers, b.environment) == ("app.b", (), {}), "the others stay what they are"


def test_wsgi_without_an_application_is_said(write: Write, load: Load) -> None:
    write("serverless.yml", WSGI)
    assert says(load(), "custom.wsgi.app names no application")[0] == "warning"


def test_a_wsgi_handler_of_the_projects_own_counts(write: Write, load: Load) -> None:
    write("wsgi_handler.py", "def handler(e, c): ...\n")
    write("app.py", "b = 1\n")
    write("serverless.yml", WSGI.replace("wsgi.handler", "wsgi_handler.handler") + "custom: {wsgi: {app: app.app}}\n")
    shop = load()
    assert not check_project(shop) and not shop.functions[0].layers


def test_a_service_in_a_folder_of_its_own(write: Write, load: Load, project: Path) -> None:
    write("services/mail/src/app.py")
    write("services/mail/serverless.yml", HEAD + "functions: {a: {handler: src/app.handler, memorySyze: 1}}\n")
    write("shared.yml", "x: 1\n")
    shop = load(template="services/mail/serverless.yml")
    assert shop.functions[0].code_root == str(project / "services" / "mail") and not check_project(shop)[1:]
    assert shop.problems[0].file == "services/mail/serverless.yml"
    write(
        "services/mail/serverless.yml",
        HEAD + "functions: {a: {handler: src/app.handler, description: '${file(../../shared.yml):x}'}}\n",
    )
    assert load(template="services/mail/serverless.yml").functions[0].description == "1", "within the project"


def test_a_functions_own_reference_takes_the_providers_place(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "serverless.yml",
        "service: s\nprovider:\n  name: aws\n  runtime: python3.12\n"
        "  environment: {ATTRIBUTE: !GetAtt A.Arn, REFERENCE: !Ref A}\n"
        "functions:\n  f:\n    handler: app.handler\n"
        "    environment: {ATTRIBUTE: !GetAtt B.Arn, REFERENCE: !Sub '${B}/x'}\n"
        "resources: {Resources: {A: {Type: AWS::SNS::Topic}, B: {Type: AWS::SNS::Topic}}}\n",
    )
    topic = "arn:aws:sns:us-east-1:000000000000:B"
    assert load().functions[0].environment == {"ATTRIBUTE": topic, "REFERENCE": f"{topic}/x"}
