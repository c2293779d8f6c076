"""What lambdatui.toml says of destinations, logging, aliases and event source mappings."""

from __future__ import annotations

import json

import msgspec
import pytest

from lambdatui.config.model import AliasConfig, Destination, LoggingConfig, Project, QueueMapping, StreamMapping
from tests.config.helpers import Load, Write, says

FUNCTION = '[functions.work]\nhandler = "app.handler"\n'
QUEUE = FUNCTION + '[[functions.work.events]]\ntype = "queue"\nqueue = "jobs"\n'
STREAM = FUNCTION + '[[functions.work.events]]\ntype = "stream"\nstream = "clicks"\n'


def toml(write: Write, load: Load, text: str) -> Project:
    write("app.py")
    write("lambdatui.toml", text)
    return load()


def test_logging_storage_and_loops(write: Write, load: Load) -> None:
    project = toml(
        write,
        load,
        '[defaults]\nephemeral_storage = 1024\nlogging = { format = "JSON", group = "/shop" }\n'
        + FUNCTION
        + 'logging = { application_level = "DEBUG", system_level = "WARN" }\nrecursive_loop = "Allow"\n',
    )
    work = project.functions[0]
    assert work.logging == LoggingConfig(format="JSON", application_level="DEBUG", system_level="WARN", group="/shop")
    assert (work.ephemeral_storage, work.recursive_loop) == (1024, "Allow")
    assert project.problems == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('logging = { format = "text" }', "at 'format' failed to satisfy constraint"),
        ('logging = { application_level = "DEBUG" }', "LogLevel is not supported when LogFormat is set"),
        ('logging = { level = "DEBUG" }', "there is no key level"),
        ("ephemeral_storage = 100", "Member must have value greater than or equal to 512"),
        ('recursive_loop = "no"', "Member must satisfy enum value set: [Terminate, Allow]"),
        ('dead_letter_topic = "a"\ndead_letter_queue = "b"', "a function has one place for dead letters"),
        ('on_success = { bucket = "b" }', "on_success does not take an S3 bucket"),
        ('on_success = { queue = "a", topic = "b" }', "names exactly one of"),
        ('on_success = { function = "gone" }', "there is no function gone"),
        ('dead_letter_queue = "arn:aws:sns:us-east-1:000000000000:news"', "does not take an SNS topic"),
    ],
)
def test_slips_are_said(line: str, message: str, write: Write, load: Load) -> None:
    project = toml(write, load, FUNCTION + line + "\n")
    severity, number = says(project, message)
    assert severity == "warning" and number in {3, 4}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"letters"', Destination(kind="queue", name="letters")),
        ('{ queue = "letters" }', Destination(kind="queue", name="letters")),
        ('{ topic = "news" }', Destination(kind="topic", name="news")),
        ('{ bus = "default" }', Destination(kind="bus", name="default")),
        ('{ bucket = "box" }', Destination(kind="bucket", name="box")),
        ('{ function = "other", qualifier = "live" }', Destination(kind="function", name="other", qualifier="live")),
        ('"arn:aws:sns:us-east-1:000000000000:news"', Destination(kind="topic", name="news")),
    ],
)
def test_a_destination_is_a_queue_an_arn_or_a_table(
    written: str, expected: Destination, write: Write, load: Load
) -> None:
    project = toml(write, load, '[functions.other]\nhandler = "app.handler"\n' + FUNCTION + f"on_failure = {written}\n")
    work = next(one for one in project.functions if one.name == "work")
    assert work.on_failure == expected
    assert all(problem.severity == "notice" for problem in project.problems)


def test_dead_letters_beside_a_template_take_the_others_place(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n  Q: {Type: AWS::SQS::Queue}\n  work:\n    Type: AWS::Serverless::Function\n    Properties:\n"
        "      Handler: app.handler\n      Runtime: python3.12\n      DeadLetterQueue: {TargetArn: !GetAtt Q.Arn}\n",
    )
    project = toml(write, load, '[functions.work]\ndead_letter_topic = "news"\n')
    assert (project.functions[0].dead_letter_queue, project.functions[0].dead_letter_topic) == (None, "news")
    assert ("AWS::SNS::Topic", "news") in {(one.type, one.name) for one in project.resources}


def test_aliases_with_versions_weights_and_provisioned_concurrency(write: Write, load: Load) -> None:
    project = toml(
        write,
        load,
        FUNCTION + "[functions.work.aliases.live]\nprovisioned_concurrency = 2\n"
        '[functions.work.aliases.beta]\nversion = 3\nweights = { 2 = 0.25 }\ndescription = "ours"\n'
        '[[functions.work.events]]\ntype = "queue"\nqueue = "jobs"\nqualifier = "live"\n'
        '[[functions.work.events]]\ntype = "schedule"\nevery = "1h"\nqualifier = "beta"\n'
        '[[functions.work.events]]\ntype = "http"\npath = "/a"\nqualifier = "live"\n',
    )
    assert project.functions[0].published_aliases == (
        AliasConfig(name="live", provisioned_concurrency=2),
        AliasConfig(name="beta", version="3", weights={"2": 0.25}, description="ours"),
    )
    assert [one.qualifier for one in (*project.mappings, *project.schedules, *project.routes)] == [
        "live",
        "beta",
        "live",
    ]


def test_decimal_numbers_travel(write: Write, load: Load) -> None:
    alias = "[functions.work.aliases.live]\nversion = 3\nweights = { 2 = 0.25 }\n"
    project = toml(write, load, FUNCTION.rstrip("\n") + "\ntimeout = 2.5\n" + alias)
    again = msgspec.json.decode(msgspec.json.encode(project), type=Project)
    assert (again.functions[0].timeout, again.functions[0].published_aliases[0].weights) == (2.5, {"2": 0.25})


def test_an_alias_of_the_template_gets_what_is_said_of_it_here(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n  work:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: app.handler\n"
        "      Runtime: python3.12\n      AutoPublishAlias: live\n",
    )
    project = toml(write, load, "[functions.work.aliases.live]\nprovisioned_concurrency = 1\n")
    assert project.functions[0].published_aliases == (AliasConfig(name="live", provisioned_concurrency=1),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[functions.work.aliases.12]", "'12' cannot be an alias"),
        ('[functions.work.aliases.live]\nversion = "new"', "'new' is no version"),
        ("[functions.work.aliases.live]\nweights = { 1 = 0.1, 2 = 0.2 }", "one more version and its share"),
        ("[functions.work.aliases.live]\nweights = { 1 = 2 }", "Member must have value less than or equal to 1"),
        (
            '[functions.work.aliases.live]\nversion = "$LATEST"\nprovisioned_concurrency = 1',
            "cannot be applied to unpublished function versions",
        ),
        (
            '[[functions.work.events]]\ntype = "http"\npath = "/"\nqualifier = "gone"',
            "Function not found: arn:aws:lambda",
        ),
    ],
)
def test_slips_of_aliases_are_said(text: str, message: str, write: Write, load: Load) -> None:
    assert says(toml(write, load, FUNCTION + text + "\n"), message)[0] == "warning"


def test_filters_are_tables_or_json(write: Write, load: Load) -> None:
    second = '{"body": {"b": ["x"]}}'
    filters = f"filters = [{{ body = {{ a = [{{ numeric = ['>', 1.5] }}, true] }} }}, '{second}']\n"
    (mapping,) = toml(write, load, QUEUE + filters).mappings
    assert isinstance(mapping, QueueMapping) and mapping.enabled
    assert json.loads(mapping.filters[0]) == {"body": {"a": [{"numeric": [">", 1.5]}, True]}}
    assert mapping.filters[1] == second


@pytest.mark.parametrize("filters", ['["no"]', '[{ body = "x" }]', "[1]"])
def test_a_pattern_that_aws_refuses_lets_the_mapping_wait(filters: str, write: Write, load: Load) -> None:
    project = toml(write, load, QUEUE + f"filters = {filters}\n")
    assert says(project, "Invalid filter pattern definition.") == ("warning", 6)
    assert not project.mappings[0].enabled


def test_a_fifo_queue_has_no_window(write: Write, load: Load) -> None:
    project = toml(write, load, QUEUE.replace('"jobs"', '"jobs.fifo"') + "batching_window = 5\n")
    assert says(project, "Batching window is not supported for FIFO queues") == ("warning", 6)
    assert project.mappings[0].batching_window == 0


@pytest.mark.parametrize("written", ["2023-11-14T22:13:20Z", "2023-11-14 22:13:20", "1700000000", "1700000000.0"])
def test_a_stream_has_parallel_batches_and_a_time_to_begin_at(written: str, write: Write, load: Load) -> None:
    project = toml(
        write,
        load,
        STREAM + "parallelization_factor = 4\n"
        f'starting_position = "AT_TIMESTAMP"\nstarting_timestamp = {written}\non_failure = {{ bucket = "box" }}\n',
    )
    (mapping,) = project.mappings
    assert isinstance(mapping, StreamMapping)
    assert (mapping.parallelization_factor, mapping.tumbling_window) == (4, 0)
    assert (mapping.starting_position, mapping.starting_timestamp) == ("AT_TIMESTAMP", 1_700_000_000)
    assert mapping.on_failure == Destination(kind="bucket", name="box")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('starting_position = "AT_TIMESTAMP"', "AT_TIMESTAMP needs a starting_timestamp"),
        ('starting_position = "MIDDLE"', "there is no MIDDLE"),
        ("parallelization_factor = 2\ntumbling_window = 60", "parallelization_factor must be 1"),
    ],
)
def test_slips_of_streams_are_said_and_they_begin_at_their_oldest_record(
    lines: str, message: str, write: Write, load: Load
) -> None:
    project = toml(write, load, STREAM + lines + "\n")
    assert says(project, message) == ("warning", 6)
    (mapping,) = project.mappings
    assert isinstance(mapping, StreamMapping) and mapping.starting_position == "TRIM_HORIZON"


def test_a_schedule_counts_by_the_clocks_of_its_zone(write: Write, load: Load) -> None:
    schedule = FUNCTION + '[[functions.work.events]]\ntype = "schedule"\ncron = "0 8 * * ? *"\ntimezone = '
    assert toml(write, load, schedule + '"Europe/Vienna"\n').schedules[0].timezone == "Europe/Vienna"
    project = toml(write, load, schedule + '"Mars"\n')
    assert says(project, "the time zone 'Mars' is not known here") == ("warning", 6)
    assert project.schedules[0].timezone is None


def test_metrics_of_a_mapping(write: Write, load: Load) -> None:
    assert [one.metrics for one in toml(write, load, QUEUE + "metrics = true\n").mappings] == [True]
    assert [one.metrics for one in toml(write, load, STREAM).mappings] == [False]
