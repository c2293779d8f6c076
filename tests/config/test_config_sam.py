"""SAM and CloudFormation templates as people write them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lambdatui.config.loader import check_project
from lambdatui.config.model import Destination, FunctionConfig, Project, QueueMapping, StreamMapping, kept_texts
from tests.config.helpers import Load, Write, says

TEMPLATES = Path(__file__).parent / "templates"
HANDLER = "def lambda_handler(event, context):\n    return event\n"


def function(project: Project, name: str) -> FunctionConfig:
    return next(f for f in project.functions if name in {f.name, f.logical_id})


def one(body: str, *, header: str = "") -> str:
    """A template with one function F whose properties are `body` (indented by six)."""
    return (
        f"Transform: AWS::Serverless-2016-10-31\n{header}Resources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Properties:\n      Handler: app.handler\n      Runtime: python3.12\n" + body
    )


@pytest.fixture
def shop(write: Write, load: Load, project: Path) -> Project:
    shutil.copy(TEMPLATES / "shop.yaml", project / "template.yaml")
    write("orders/app.py", HANDLER)
    write("worker/app.py")
    return load()


def test_the_whole_application_loads(shop: Project) -> None:
    assert shop.kind == "sam" and not shop.broken and shop.name == "shop"
    assert [f.name for f in shop.functions] == ["shop-orders", "WorkerFunction", "ClickFunction"]
    orders = function(shop, "OrdersFunction")
    assert (orders.handler, orders.runtime, orders.timeout, orders.memory) == (
        "app.lambda_handler",
        "python3.12",
        20,
        256,
    )
    assert orders.reserved_concurrency == 5 and orders.architecture == "arm64"
    assert orders.code_root == str(Path(shop.root) / "orders") and orders.line == 39


def test_variables_reach_the_function_as_written(shop: Project) -> None:
    """Booleans as true and false, numbers and dates as written, references filled in."""
    assert function(shop, "OrdersFunction").environment == {
        "LOG_LEVEL": "DEBUG",
        "FEATURE": "false",
        "SHARED": "from-function",
        "QUEUE_URL": "http://127.0.0.1:3001/000000000000/shop-orders-dev",
        "QUEUE_ARN": "arn:aws:sqs:us-east-1:000000000000:shop-orders-dev",
        "QUEUE_NAME": "shop-orders-dev",
        "TABLE": "orders",
        "STREAM": "clicks",
        "WORKER": "WorkerFunction",
        "WORKER_ARN": "arn:aws:lambda:us-east-1:000000000000:function:WorkerFunction",
        "BUCKET": "shop-dev-000000000000-${Literal}",
        "SECOND": "b",
        "MODE": "test",
        "PORT": "0080",
        "RATIO": "1.10",
        "ENABLED": "true",
        "QUOTED": "True",
        "STARTED": "2024-01-02",
    }


def test_a_file_as_code_uri_means_its_folder_and_dead_letters_find_their_queue(shop: Project) -> None:
    worker = function(shop, "WorkerFunction")
    assert worker.code_root == str(Path(shop.root) / "worker")
    assert worker.dead_letter_queue == "WorkerDlq"
    assert worker.on_failure == Destination(kind="queue", name="WorkerDlq")
    assert worker.on_success == Destination(kind="queue", name="WorkerFunctionEventInvokeConfigOnSuccessQueue")
    assert (worker.maximum_retry_attempts, worker.maximum_event_age) == (0, 3600)


def test_queues_and_streams(shop: Project) -> None:
    queues = {queue.name: queue for queue in shop.queues}
    assert queues["shop-orders-dev"].redrive_queue == "WorkerDlq"
    assert queues["shop-orders-dev"].max_receive_count == 3
    assert queues["shop-orders-dev"].visibility_timeout == 180
    assert queues["Audit.fifo"].fifo and queues["Audit.fifo"].content_based_deduplication
    assert [(s.name, s.logical_id, s.shards) for s in shop.streams] == [("clicks", "Clicks", 2)]


def test_event_sources(shop: Project, load: Load) -> None:
    queue, stream = shop.mappings
    assert isinstance(queue, QueueMapping) and isinstance(stream, StreamMapping)
    assert (queue.function, queue.queue, queue.batch_size, queue.batching_window) == (
        "WorkerFunction",
        "shop-orders-dev",
        5,
        2,
    )
    assert queue.report_batch_item_failures and queue.maximum_concurrency == 4
    assert (stream.stream, stream.starting_position, stream.batch_size) == ("clicks", "TRIM_HORIZON", 50)
    assert (stream.maximum_retry_attempts, stream.maximum_record_age, stream.bisect_on_error) == (2, 600, True)
    assert stream.on_failure == Destination(kind="queue", name="WorkerDlq")
    assert [m.uuid for m in load().mappings] == [queue.uuid, stream.uuid], "checkpoints are keyed by it"


def test_schedules_and_routes(shop: Project) -> None:
    assert [(s.id, s.expression, s.input, s.enabled) for s in shop.schedules] == [
        ("ClickFunctionTick", "rate(1 minute)", '{"tick": 1}', True),
        ("ClickFunctionNightly", "cron(0 2 * * ? *)", None, False),
    ]
    assert [(r.kind, r.method, r.path) for r in shop.routes] == [
        ("rest", "GET", "/orders"),
        ("rest", "GET", "/orders/{id}"),
        ("http", "ANY", "$default"),
    ]


def test_inline_code_gets_a_root_below_the_state_folder(shop: Project) -> None:
    clicks = function(shop, "ClickFunction")
    assert clicks.inline_code is not None and clicks.inline_code.startswith("def lambda_handler")
    assert clicks.code_root == str(Path(shop.root) / ".lambdatui" / "inline" / "ClickFunction")
    assert not Path(clicks.code_root).exists(), "loading writes nothing"


def test_what_the_shop_is_told(shop: Project) -> None:
    assert says(shop, "KEY is left out") == ("warning", 75)
    assert says(shop, "UrlFunction is left out") == ("notice", 135)
    assert len(check_project(shop)) == 3  # and the queue that SAM adds


def test_a_parameter_without_default_is_given_in_lambdatui_toml(shop: Project, write: Write, load: Load) -> None:
    write("lambdatui.toml", '[parameters]\nApiKey = "k"\nStage = "prod"\n')
    project = load()
    orders = function(project, "OrdersFunction")
    assert orders.environment["KEY"] == "k" and orders.environment["MODE"] == "live"
    assert function(project, "UrlFunction")


def test_a_variable_that_the_command_line_gives_is_not_missing(shop: Project, load: Load) -> None:
    project = load(env_vars={"OrdersFunction": {"KEY": "k"}, "Parameters": {"EVERY": "1"}})
    assert function(project, "OrdersFunction").environment["KEY"] == "k"
    assert all(f.environment["EVERY"] == "1" for f in project.functions)
    assert not [p for p in project.problems if "KEY" in p.message]


def test_region_account_and_endpoint_are_the_engines(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        one(
            "      Environment:\n        Variables:\n          URL: !Ref Q\n          REGION: !Ref AWS::Region\n"
            "          ARN: !GetAtt Q.Arn\n  Q:\n    Type: AWS::SQS::Queue\n"
        ),
    )
    project = load(region="cn-north-1", account="123456789012", endpoint_url="http://127.0.0.1:9/")
    assert project.functions[0].environment == {
        "URL": "http://127.0.0.1:9/123456789012/Q",
        "REGION": "cn-north-1",
        "ARN": "arn:aws-cn:sqs:cn-north-1:123456789012:Q",
    }


# traps


def test_an_unquoted_policy_version_is_no_date(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        one(
            "      Policies:\n        - Version: 2012-10-17\n          Statement: []\n"
            "      Environment:\n        Variables:\n          POLICY: 2012-10-17\n"
        ),
    )
    project = load()
    assert project.functions[0].environment == {"POLICY": "2012-10-17"}
    assert project.problems == ()


def test_code_uri_may_be_absent(write: Write, load: Load, project: Path) -> None:
    write("app.py")
    write("template.yaml", one(""))
    assert load().functions[0].code_root == str(project)
    assert check_project(load()) == ()


def test_handler_given_only_in_globals(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        "Globals:\n  Function:\n    Handler: app.handler\n    Runtime: python3.11\nResources:\n"
        "  F:\n    Type: AWS::Serverless::Function\n",
    )
    assert load().functions[0].handler == "app.handler"
    assert check_project(load()) == ()


def test_a_python_that_is_not_installed_is_no_problem_here(write: Write, load: Load) -> None:
    """Which Python serves it is the engine's to say."""
    write("app.py")
    write("template.yaml", one("").replace("python3.12", "python3.7"))
    project = load()
    assert project.functions[0].unserved is None and project.problems == ()


def test_inline_zip_file_of_cloudformation(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: python3.9\n"
        "      Handler: index.handler\n      Code:\n        ZipFile: !Sub |\n          def handler(event, context):\n"
        "              return '${AWS::Region}'\n",
    )
    project = load()
    assert project.functions[0].inline_code == "def handler(event, context):\n    return 'us-east-1'\n"
    assert check_project(project) == ()


def test_inline_code_with_a_fault_is_told_with_its_line(write: Write, load: Load) -> None:
    write(
        "template.yaml", one("      InlineCode: |\n        x = 1\n        def handler(:\n").replace("app.h", "index.h")
    )
    (problem,) = check_project(load())
    assert problem.severity == "error" and "line 2 of the inline code" in problem.message


def test_json_templates_have_lines_too(write: Write, load: Load) -> None:
    write("app.py")
    body = {
        "Resources": {
            "F": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "Handler": "app.handler",
                    "Runtime": "python3.12",
                    "Timeout": 9999,
                    "Environment": {"Variables": {"FLAG": True, "NUMBER": 1.50, "FACE": "\U0001f600"}},
                },
            }
        }
    }
    write("template.json", json.dumps(body, indent="\t"))
    project = load()
    assert project.functions[0].environment == {"FLAG": "true", "NUMBER": "1.5", "FACE": "\U0001f600"}
    assert says(project, "'timeout' failed to satisfy constraint") == ("warning", 8)
    assert project.functions[0].timeout == 900


# what is not served, or wrong


@pytest.mark.parametrize(
    ("body", "message", "runs"),
    [
        ("      PackageType: Image\n      ImageUri: x:latest\n", "images are not served", False),
        ("      CodeUri: s3://bucket/key\n", "its code is in S3", False),
        ("      CodeUri: {Bucket: b, Key: k}\n", "its code is in S3", False),
        ("      Layers: [!Ref L]\n", "nothing in the template is called L", True),
        (
            "      Layers:\n        - arn:aws:lambda:us-east-1:1:layer:x:1\n",
            "the layer x:1 belongs to an account",
            True,
        ),
        ("      MemorySize: 64\n", "greater than or equal to 128", True),
        ("      Timeout: 0\n", "greater than or equal to 1", True),
        ("      Timeout: soon\n", "must be a number", True),
        ("      ReservedConcurrentExecutions: -1\n", "greater than or equal to 0", True),
        ("      FunctionName: bad name\n", "'functionName' failed", True),
        ("      Events: {E: {Type: MSK, Properties: {Topics: [t]}}}\n", "type MSK are not served", True),
        ("      Events: {E: {Type: Kinesys, Properties: {}}}\n", "Did you mean Kinesis?", True),
        ("      Events: {E: {Type: SQS, Properties: {}}}\n", "Queue is missing", True),
        ("      Events: {E: {Type: Schedule, Properties: {Schedule: every 1s}}}\n", "no schedule expression", True),
        ("      Events: {E: {Type: Schedule, Properties: {Schedule: rate(1 minutes)}}}\n", "rate(1 minute)", True),
        ("      Events: {E: {Type: Schedule, Properties: {Schedule: cron(0 0 31 2 ? *)}}}\n", "never comes", True),
        ("      DeadLetterQueue: {TargetArn: 'arn:aws:s3:::b'}\n", "it does not take an S3 bucket", True),
        ("      Environment: {Variables: {AWS_REGION: x}}\n", "Reserved keys used in this request: AWS_REGION", True),
        ("      Environment: {Variables: {a-b: x}}\n", "'a-b'", True),
        ("      Environment: {Variables: {AB: !ImportValue x}}\n", "the export x of another stack is only known", True),
        ("      Environment: {Variables: {AB: !Ref Nobody}}\n", "nothing in the template is called Nobody", True),
        ("      Environment: {Variables: {AB: {x: y}}}\n", "it is no text", True),
    ],
)
def test_each_is_a_warning_with_a_remedy_and_the_rest_stands(
    body: str, message: str, runs: bool, write: Write, load: Load
) -> None:
    write("template.yaml", one(body))
    project = load()
    severity, line = says(project, message)
    assert severity == "warning" and line is not None
    assert all(problem.remedy for problem in project.problems)
    assert (project.functions[0].unserved is None) is runs


def test_other_runtimes_are_listed_and_not_served(write: Write, load: Load) -> None:
    write("template.yaml", one("").replace("python3.12", "nodejs20.x"))
    project = load()
    assert project.functions[0].unserved == "the runtime nodejs20.x is not served"
    assert says(project, "nodejs20.x") == ("warning", 7)
    assert check_project(project) == project.problems


def test_a_function_without_handler_is_listed(write: Write, load: Load) -> None:
    write("template.yaml", one("").replace("      Handler: app.handler\n", ""))
    project = load()
    assert project.functions[0].unserved and says(project, "Handler is missing")[0] == "error"


def test_a_mistyped_property_is_a_notice_with_the_nearest(write: Write, load: Load) -> None:
    write("app.py")
    write("template.yaml", one("      Timout: 30\n"))
    assert says(load(), "Did you mean Timeout?") == ("notice", 8)


def test_meaningless_properties_are_silent(write: Write, load: Load) -> None:
    write("app.py")
    write("template.yaml", one("      VpcConfig: {}\n      Tracing: Active\n      Role: x\n      Tags: {A: b}\n"))
    assert load().problems == ()


def test_duplicate_names_and_keys(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        one(
            "      FunctionName: same\n      Timeout: 3\n      Timeout: 9\n  G:\n    Type: AWS::Serverless::Function\n"
            "    Properties:\n      FunctionName: same\n      Handler: app.handler\n      Runtime: python3.12\n"
        ),
    )
    project = load()
    assert [f.name for f in project.functions] == ["same", "G"]
    assert says(project, "already that of F") == ("error", 14)
    assert says(project, "Timeout stands twice") == ("warning", 10)
    assert project.functions[0].timeout == 9


def test_a_queue_declared_elsewhere_gets_a_stand_in(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        one("      Events: {E: {Type: SQS, Properties: {Queue: 'arn:aws:sqs:eu-west-1:1:theirs.fifo'}}}\n"),
    )
    project = load()
    assert [(q.name, q.fifo) for q in project.queues] == [("theirs.fifo", True)]
    assert says(project, "stands in for it") == ("notice", 8)


def test_a_visibility_timeout_shorter_than_the_functions_is_told(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        one(
            "      Timeout: 60\n      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}\n"
            "  Q:\n    Type: AWS::SQS::Queue\n"
        ),
    )
    message = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    assert says(load(), message) == ("warning", 10)


def test_event_source_mapping_url_rule_and_invoke_config_resources(write: Write, load: Load) -> None:
    write("app.py")
    resources = {
        "F": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Handler": "app.handler", "Runtime": "python3.12", "Code": "./"},
        },
        "Q": {"Type": "AWS::SQS::Queue"},
        "M": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": "F"},
                "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]},
                "BatchSize": 1,
            },
        },
        "U": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": {"Fn::GetAtt": "F.Arn"}}},
        "R": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": "rate(2 hours)",
                "Targets": [{"Arn": {"Fn::GetAtt": ["F", "Arn"]}, "Id": "x", "Input": "{}"}],
            },
        },
        "I": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {"FunctionName": {"Ref": "F"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": 1},
        },
    }
    write("template.json", json.dumps({"Resources": resources}))
    project = load()
    assert project.problems == () and check_project(project) == ()
    assert [(m.function, m.batch_size) for m in project.mappings] == [("F", 1)]
    assert [(s.id, s.expression, s.input) for s in project.schedules] == [("R", "rate(2 hours)", "{}")]
    assert {r.kind for r in project.routes} == {"url"}
    assert project.functions[0].maximum_retry_attempts == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Resources:\n  F:\n  - a: [\n", None),
        ("Resources:\n\tF: x\n", 2),
        ("Resources: {F: *nobody}\n", 1),
        ("a: !!python/object/apply:os.system [echo]\n", 1),
        ("", 1),
        ("- a\n", 1),
        ("Foo: bar\n", 1),
        ("Resources: [a]\n", 1),
        ("[" * 3000, 1),
        ("a\0b", 1),
    ],
)
def test_a_template_that_cannot_be_read_is_broken(text: str, line: int | None, write: Write, load: Load) -> None:
    write("template.yaml", text)
    project = load()
    assert project.broken and project.functions == ()
    (problem,) = [p for p in project.problems if p.severity == "error"]
    assert problem.function is None and problem.file == "template.yaml" and problem.remedy
    assert line is None or problem.line == line


def test_a_template_that_is_not_utf8_is_broken(project: Path, load: Load) -> None:
    (project / "template.yaml").write_bytes(b"Resources:\n  a: \xff\n")
    assert load().broken and says(load(), "not UTF-8") == ("error", 2)


def test_names_and_conditions_that_turn_in_circles_end(write: Write, load: Load) -> None:
    conditions = "Conditions:\n" + "".join(
        f"  C{n}: !And [!Condition C{n + 1}, !Condition C{n + 1}]\n" for n in range(70)
    )
    queues = "".join(
        f'  Q{n}:\n    Type: AWS::SQS::Queue\n    Properties: {{QueueName: !Sub "${{Q{n + 1}}}${{Q{n + 1}}}"}}\n'
        for n in range(70)
    )
    write(
        "template.yaml",
        conditions
        + "  Self: !Not [!Condition Self]\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Condition: C0\n"
        "    Properties: {Handler: app.handler, Runtime: python3.12, FunctionName: !Ref A}\n"
        "  A:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !Ref B}\n"
        "  B:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !Ref A}\n" + queues,
    )
    project = load()
    assert [f.name for f in project.functions] == ["F"]
    assert not project.broken


def test_function_urls_have_an_address_each_and_routes_are_answered_once(write: Write, load: Load) -> None:
    write("app.py")
    api = "      Events: {A: {Type: Api, Properties: {Path: /x, Method: get}}}\n"
    other = "  G:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: app.handler\n"
    write(
        "template.yaml",
        one(
            "      FunctionUrlConfig: {AuthType: NONE}\n"
            "      Environment: {Variables: {URL: !GetAtt FUrl.FunctionUrl}}\n"
            + api
            + other
            + "      Runtime: python3.12\n      FunctionUrlConfig: {AuthType: NONE}\n"
            + api
        ),
    )
    project = load()
    assert project.functions[0].environment == {"URL": "http://127.0.0.1:3000/_url/F/"}
    assert says(project, "GET /x is already answered by F in the same API") == ("warning", 17)
    assert len(project.problems) == 1


def test_what_means_nothing_here_is_kept_and_shown(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        one(
            "      VpcConfig: {SubnetIds: [!Ref Net, subnet-2], SecurityGroupIds: [!GetAtt Net.GroupId]}\n"
            "      RuntimeManagementConfig: {UpdateRuntimeOn: Auto}\n      Tracing: Active\n"
            "      KmsKeyArn: !ImportValue key\n"
            "      Policies:\n        - Version: 2012-10-17\n          Statement: []\n"
            "      Tags: {team: shop}\n      SnapStart: !If [Never, {ApplyOn: PublishedVersions}, !Ref AWS::NoValue]\n",
            header="Conditions: {Never: !Equals [a, b]}\n",
        )
        + "  Net: {Type: AWS::EC2::Subnet}\n",
    )
    project = load()
    assert project.functions[0].kept == {
        "VpcConfig": {
            "SubnetIds": ["Net", "subnet-2"],
            "SecurityGroupIds": ["<Net.GroupId is only known in an account>"],
        },
        "RuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"},
        "Tracing": "Active",
        "KmsKeyArn": "<the export key of another stack is only known in an account>",
        "Policies": [{"Version": "2012-10-17", "Statement": []}],
        "Tags": {"team": "shop"},
    }
    assert not project.problems
    assert kept_texts(project.functions[0])["RuntimeManagementConfig"] == '{"UpdateRuntimeOn":"Auto"}'
    assert kept_texts(project.functions[0])["Tracing"] == "Active"


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("AWS::Serverless::Fucntion", "AWS::Serverless::Function"),
        ("AWS::SQS::Queu", "AWS::SQS::Queue"),
        ("AWS::Dynamodb::Table", "AWS::DynamoDB::Table"),
        ("AWS::Serverless::Layer", "AWS::Serverless::LayerVersion"),
    ],
)
def test_a_misspelled_resource_is_a_warning_with_what_was_meant(
    kind: str, meant: str, write: Write, load: Load
) -> None:
    write("template.yaml", f"Resources:\n  R:\n    Type: {kind}\n")
    project = load()
    assert says(project, f"R: there is no resource type {kind}") == ("warning", 2)
    assert says(project, f"Did you mean {meant}?") == ("warning", 2)


def test_a_resource_that_only_the_local_aws_may_know_is_a_notice(write: Write, load: Load) -> None:
    write("template.yaml", "Resources:\n  R:\n    Type: AWS::RDS::DBInstance\n")
    assert says(load(), "AWS::RDS::DBInstance is not served by the engine itself") == ("notice", 2)


def test_a_misspelled_property_of_an_event_is_noticed(write: Write, load: Load) -> None:
    write("app.py")
    event = "      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSise: 5}}}\n"
    write("template.yaml", one(event) + "  Q: {Type: AWS::SQS::Queue}\n")
    assert says(load(), "an event of type SQS has no property BatchSise") == ("notice", 8)
    assert says(load(), "Did you mean BatchSize?") == ("notice", 8)


def test_a_reserve_below_nothing_is_none(write: Write, load: Load) -> None:
    write("app.py", "def handler(event, context): ...\n")
    write(
        "template.yaml",
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: app.handler\n"
        "      Runtime: python3.12\n      ReservedConcurrentExecutions: -1\n",
    )
    assert load().functions[0].reserved_concurrency is None
    assert says(load(), "Member must have value greater than or equal to 0") == ("warning", 7)
