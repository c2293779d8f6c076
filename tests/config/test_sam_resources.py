"""What a template declares for the local AWS, and the streams of its tables."""

from __future__ import annotations

from lambdatui.config.aws_names import STREAM_LABEL
from lambdatui.config.model import Project, ResourceConfig, StreamMapping
from tests.config.helpers import Load, Write, says

TABLE = """
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${AWS::StackName}-orders
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      KMSMasterKeyId: !ImportValue key
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
"""
READER = """
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Environment: {Variables: {STREAM: !GetAtt Orders.StreamArn}}
      Events:
        Changes:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Orders.StreamArn, StartingPosition: LATEST, BatchSize: 5}
"""


def held(project: Project, logical_id: str) -> ResourceConfig:
    return next(one for one in project.resources if one.logical_id == logical_id)


def test_a_table_is_held_with_its_resolved_properties(write: Write, load: Load) -> None:
    write("template.yaml", "Resources:" + TABLE)
    table = held(load(), "Orders")
    assert (table.type, table.name, table.line) == ("AWS::DynamoDB::Table", "shop-orders", 2)
    assert table.properties == {
        "TableName": "shop-orders",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def test_a_tables_stream_is_a_stream_that_a_function_reads(write: Write, load: Load) -> None:
    write("template.yaml", "Resources:" + TABLE + READER)
    project = load(region="eu-west-1")
    (stream,) = project.streams
    assert (stream.name, stream.table, stream.logical_id, stream.shards) == (
        "shop-orders/stream",
        "shop-orders",
        "Orders",
        1,
    )
    (mapping,) = project.mappings
    assert isinstance(mapping, StreamMapping)
    assert (mapping.stream, mapping.batch_size, mapping.starting_position) == (stream.name, 5, "LATEST")
    arn = f"arn:aws:dynamodb:eu-west-1:000000000000:table/shop-orders/stream/{STREAM_LABEL}"
    assert project.functions[0].environment["STREAM"] == arn


def test_an_event_source_mapping_of_a_tables_stream(write: Write, load: Load) -> None:
    mapping = (
        "\n  M:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties:\n      FunctionName: !Ref F\n"
        "      EventSourceArn: !GetAtt Orders.StreamArn\n      StartingPosition: TRIM_HORIZON\n"
    )
    function = READER.partition("      Events:")[0]
    write("template.yaml", "Resources:" + TABLE + function + mapping)
    (found,) = load().mappings
    assert isinstance(found, StreamMapping) and found.stream == "shop-orders/stream"


def test_a_kinesis_stream_named_as_the_table_stays_apart(write: Write, load: Load) -> None:
    stream = "\n  K:\n    Type: AWS::Kinesis::Stream\n    Properties: {Name: shop-orders}\n"
    write("template.yaml", "Resources:" + TABLE + stream)
    assert {(one.name, one.table) for one in load().streams} == {
        ("shop-orders", None),
        ("shop-orders/stream", "shop-orders"),
    }


def test_the_stream_of_a_table_without_one_is_said(write: Write, load: Load) -> None:
    table = TABLE.partition("      StreamSpecification")[0] + "\n"
    write("template.yaml", "Resources:" + table + READER)
    assert says(load(), "Stream cannot be resolved: Orders declares no StreamSpecification")[0] == "warning"


def test_sams_simple_table_becomes_a_table(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n  Plain:\n    Type: AWS::Serverless::SimpleTable\n"
        "  Own:\n    Type: AWS::Serverless::SimpleTable\n    Properties:\n      TableName: own\n"
        "      PrimaryKey: {Name: number, Type: Number}\n"
        "      ProvisionedThroughput: {ReadCapacityUnits: 5, WriteCapacityUnits: 5}\n",
    )
    project = load()
    plain, own = held(project, "Plain"), held(project, "Own")
    assert {plain.type, own.type} == {"AWS::DynamoDB::Table"} and own.name == "own"
    assert plain.properties == {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert own.properties["KeySchema"] == [{"AttributeName": "number", "KeyType": "HASH"}]
    assert own.properties["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    assert "BillingMode" not in own.properties


def test_names_are_what_the_services_take(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n  Uploads: {Type: AWS::S3::Bucket}\n"
        "  News: {Type: AWS::SNS::Topic, Properties: {FifoTopic: true}}\n"
        "  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}\n"
        "  Limit: {Type: AWS::SSM::Parameter, Properties: {Name: /shop/limit, Type: String, Value: 5}}\n"
        "  Secret:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n"
        '      GenerateSecretString: {SecretStringTemplate: \'{"user": "a"}\', GenerateStringKey: password}\n',
    )
    project = load()
    assert {(one.type.split("::")[1], one.name) for one in project.resources} == {
        ("S3", "uploads"),
        ("SNS", "News.fifo"),
        ("Events", "orders"),
        ("SSM", "/shop/limit"),
        ("SecretsManager", "Secret"),
    }
    assert held(project, "Secret").properties["GenerateSecretString"]["GenerateStringKey"] == "password"


def test_a_table_without_keys_is_said_and_not_held(write: Write, load: Load) -> None:
    write("template.yaml", "Resources:\n  T:\n    Type: AWS::DynamoDB::Table\n    Properties: {TableName: t}\n")
    project = load()
    assert says(project, "KeySchema is missing") == ("warning", 4) and not project.resources


def test_a_parameter_whose_value_only_an_account_knows_is_said(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n  P:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Type: String\n"
        "      Value: !ImportValue elsewhere\n",
    )
    project = load()
    assert says(project, "Value cannot be resolved")[0] == "warning" and held(project, "P").properties == {
        "Type": "String"
    }


def test_of_what_is_nested_the_command_is_named_that_runs_it(write: Write, load: Load) -> None:
    write("orders/template.yaml", "Resources: {}\n")
    write("nested/child.yaml", "Resources: {}\n")
    write(
        "template.yaml",
        """
Resources:
  Own: {Type: AWS::Serverless::Application, Properties: {Location: ./orders/template.yaml}}
  Other: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested/child.yaml}}
  Gone: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "https://bucket.s3.amazonaws.com/x.yaml"}}
  Shared:
    Type: AWS::Serverless::Application
    Properties: {Location: {ApplicationId: "arn:aws:serverlessrepo:us-east-1:1:applications/x", SemanticVersion: 1.1.0}}
""",
    )
    remedies = {problem.message.split(":")[0]: problem.remedy for problem in load().problems if problem.line}
    assert remedies["Own"] == "Run it by itself: lambdatui run orders"
    assert remedies["Other"].startswith("Run it by itself: lambdatui run --template nested/child.yaml --data DIR")
    assert remedies["Gone"].endswith("lambdatui run FOLDER.")
    assert remedies["Shared"].startswith("It comes from the Serverless Application Repository")


def test_what_sam_init_adds_for_monitoring_needs_no_word(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        """
Resources:
  ApplicationResourceGroup: {Type: AWS::ResourceGroups::Group, Properties: {Name: x}}
  ApplicationInsightsMonitoring:
    Type: AWS::ApplicationInsights::Application
    Properties: {ResourceGroupName: !Ref ApplicationResourceGroup, AutoConfigurationEnabled: true}
  F: {Type: AWS::Serverless::Function, Properties: {Handler: app.handler, Runtime: python3.12, CodeUri: .}}
""",
    )
    assert load().problems == ()
