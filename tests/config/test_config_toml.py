"""lambdatui.toml, alone and beside others; plain folders; which kind a folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.config.loader import check_project, load_project
from lambdatui.config.model import Destination, LoadOptions, QueueMapping, StreamMapping
from lambdatui.errors import UsageError
from tests.config.helpers import Load, Write, says

SHOP = """\
[defaults]
memory = 256
environment = { SHARED = true, RATE = 1.50, COUNT = 7 }

[functions.orders]
handler = "orders.app.handler"
dead_letter_queue = "orders-dlq"
maximum_retry_attempts = 0
reserved_concurrency = 1
timeout = 5
environment = { SHARED = "own" }

[[functions.orders.events]]
type = "schedule"
every = "1s"
[[functions.orders.events]]
type = "queue"
queue = "orders"
batch_size = 5
report_batch_item_failures = true
[[functions.orders.events]]
type = "stream"
stream = "clicks"
on_failure = "orders-dlq"
[[functions.orders.events]]
type = "http"
method = "get"
path = "/orders/{id}"

[functions.worker]
code = "worker"

[queues.orders]
visibility_timeout = 10
redrive = { queue = "orders-dlq", max_receive_count = 3 }
[queues.orders-dlq]
[streams.clicks]
shards = 2
"""


def test_a_project_of_its_own(write: Write, load: Load, project: Path) -> None:
    write("orders/app.py")
    write("worker/index.py")
    write("other.py")
    write("lambdatui.toml", SHOP)
    loaded = load()
    assert loaded.kind == "toml" and check_project(loaded) == ()
    orders, worker = loaded.functions
    assert (orders.handler, orders.code_root, orders.memory, orders.timeout) == (
        "orders.app.handler",
        str(project),
        256,
        5,
    )
    assert orders.environment == {"SHARED": "own", "RATE": "1.50", "COUNT": "7"}
    assert worker.environment["SHARED"] == "true"
    assert (orders.dead_letter_queue, orders.maximum_retry_attempts, orders.reserved_concurrency) == (
        "orders-dlq",
        0,
        1,
    )
    assert (worker.handler, worker.code_root) == ("index.handler", str(project / "worker"))
    assert (orders.file, orders.line) == ("lambdatui.toml", 5)
    queue, stream = loaded.mappings
    assert isinstance(queue, QueueMapping) and isinstance(stream, StreamMapping)
    assert (queue.queue, queue.batch_size, queue.report_batch_item_failures) == ("orders", 5, True)
    assert (stream.stream, stream.starting_position) == ("clicks", "TRIM_HORIZON")
    assert stream.on_failure == Destination(kind="queue", name="orders-dlq")
    assert [(s.expression, s.function) for s in loaded.schedules] == [("every 1s", "orders")]
    assert [(r.method, r.path, r.kind) for r in loaded.routes] == [("GET", "/orders/{id}", "http")]
    assert {q.name: q.redrive_queue for q in loaded.queues} == {"orders": "orders-dlq", "orders-dlq": None}
    assert loaded.streams[0].shards == 2


def test_beside_a_template_it_overrides(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      FunctionName: shop-orders\n"
        "      Handler: app.handler\n      Runtime: python3.12\n      Timeout: 9\n      MemorySize: 512\n"
        "      Environment: {Variables: {AB: '1', CD: '2'}}\n  Q:\n    Type: AWS::SQS::Queue\n"
        "    Properties: {QueueName: shop-q}\n",
    )
    write(
        "lambdatui.toml",
        "[functions.Orders]\nmemory = 1024\nreserved_concurrency = 0\nenvironment = {CD = '3'}\n[queues.Q]\n"
        "visibility_timeout = 99\n[[functions.Orders.events]]\ntype = 'queue'\nqueue = 'Q'\n",
    )
    loaded = load()
    (orders,) = loaded.functions
    assert loaded.kind == "sam" and loaded.problems == ()
    assert (orders.name, orders.memory, orders.reserved_concurrency, orders.timeout) == ("shop-orders", 1024, 0, 9)
    assert orders.environment == {"AB": "1", "CD": "3"}
    assert [(q.name, q.visibility_timeout) for q in loaded.queues] == [("shop-q", 99)]
    assert [m.queue for m in loaded.mappings if isinstance(m, QueueMapping)] == ["shop-q"]
    assert len(loaded.files) == 2


def test_it_adds_to_a_plain_folder(write: Write, load: Load) -> None:
    write("orders.py")
    write("clicks.py")
    write("lambdatui.toml", "[functions.orders]\nmemory = 512\n")
    assert [(f.name, f.memory) for f in load().functions] == [("clicks", 128), ("orders", 512)]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("[function.x]\n", "Did you mean functions?", 1),
        ("[functions.orders]\ntimout = 3\n", "Did you mean timeout?", 2),
        ("[functions.order]\nmemory = 256\n", "Did you mean orders?", 1),
        ("[functions.orders]\n\nmemory = 64\n", "greater than or equal to 128", 3),
        ("[functions.orders]\nmemory = '1'\n", "memory must be a number", 2),
        ("[functions.orders]\ntimeout = nan\n", "timeout must be a number", 2),
        ("[functions.orders]\nmaximum_retry_attempts = 3\n", "less than or equal to 2", 2),
        ("[functions.orders]\nruntime = 'ruby3.3'\n", "ruby3.3 is not served", 2),
        ("[functions.orders]\nenvironment = { AB = [1] }\n", "must be a text, a number", 2),
        ("[[functions.orders.events]]\ntype = 'quue'\n", "Did you mean queue?", 2),
        ("[[functions.orders.events]]\ntype = 'schedule'\n", "exactly one of every, rate and cron", 1),
        ("[[functions.orders.events]]\ntype = 'schedule'\nrate = '1 minutes'\n", "rate(1 minute)", 3),
        ("[[functions.orders.events]]\ntype = 'http'\n", "names no path", 1),
        ("[[functions.orders.events]]\ntype = 'queue'\nqueue='q'\nbatchsize = 3\n", "Did you mean batch_size?", 4),
        ("[queues.q]\nredrive = {}\n", "redrive names no queue", 2),
        ("[queues.q]\nredrive = {queue = 'q'}\n", "its own dead-letter queue", 1),
        ("[queues.'q.fifo']\nredrive = {queue = 'd'}\n[queues.d]\n", "must be a FIFO queue too", 1),
        ("queues = 3\n", "queues must be a table", 1),
    ],
)
def test_each_fault_is_told_with_its_line(text: str, message: str, line: int, write: Write, load: Load) -> None:
    write("orders.py")
    write("lambdatui.toml", text)
    loaded = load()
    assert says(loaded, message) == ("warning", line)
    assert [f.name for f in loaded.functions] == ["orders"] and not loaded.broken


def test_rates_and_crons_may_be_written_with_or_without_their_word(write: Write, load: Load) -> None:
    write("orders.py")
    head = "[[functions.orders.events]]\ntype = 'schedule'\n"
    texts = ["rate = '5 minutes'", "rate = 'rate(5 minutes)'", "cron = '0 12 * * ? *'", "every = '500ms'"]
    write("lambdatui.toml", "\n".join(head + text for text in texts))
    assert [s.expression for s in load().schedules] == [
        "rate(5 minutes)",
        "rate(5 minutes)",
        "cron(0 12 * * ? *)",
        "every 500ms",
    ]


def test_a_file_that_is_no_toml_is_broken_and_the_template_stands(write: Write, load: Load) -> None:
    write("orders.py")
    write("template.yaml", "Resources: {F: {Type: Foo}}\nFoo: 1\n")
    write("lambdatui.toml", "[defaults]\nmemory = \n")
    loaded = load()
    assert loaded.broken and loaded.problems[0].file == "lambdatui.toml"
    (Path(loaded.root) / "template.yaml").unlink()
    loaded = load()
    assert loaded.broken and says(loaded, "it is no TOML") == ("error", 2)
    assert [f.name for f in loaded.functions] == ["orders"]


def test_the_order_of_preference(write: Write, load: Load) -> None:
    write("orders.py")
    assert load().kind == "plain"
    write("lambdatui.toml", "")
    assert load().kind == "toml"
    write("serverless.yml", "service: x\n")
    assert load().kind == "serverless"
    write("template.json", '{"Resources": {}}')
    assert load().kind == "sam"
    write("template.yaml", "Resources: {}")
    assert load().files[0].endswith("template.yaml")


# plain folders


def test_plain_names_and_roots(write: Write, load: Load, project: Path) -> None:
    write("orders.py", "def lambda_handler(e, c): ...\ndef handler(e, c): ...\n")
    write("helpers.py", "def help(): ...\n")
    write("mail/app.py")
    write("click/lambda_function.py", "from x import lambda_handler\n")
    write("both/index.py", "handler = lambda e, c: 1\n")
    write("both/handler.py")
    write("nested/deep/app.py")
    write(".hidden/app.py")
    write("node_modules/x/app.py")
    write("venv2/pyvenv.cfg", "")
    write("venv2/lib/app.py")
    write("asy/app.py", "if True:\n    async def handler(e, c): ...\n")
    loaded = load()
    assert {f.name: (f.handler, str(Path(f.code_root).relative_to(project))) for f in loaded.functions} == {
        "orders": ("orders.lambda_handler", "."),
        "asy": ("app.handler", "asy"),
        "both": ("index.handler", "both"),
        "click": ("lambda_function.lambda_handler", "click"),
        "mail": ("app.handler", "mail"),
        "deep": ("app.handler", "nested/deep"),
    }
    assert check_project(loaded) == ()


def test_a_file_that_does_not_compile_is_listed_with_its_line(write: Write, load: Load) -> None:
    write("bad.py", "x = 1\n\ndef handler(event, context:\n    return 1\n")
    write("good.py")
    loaded = load()
    assert [f.name for f in loaded.functions] == ["bad", "good"]
    (problem,) = check_project(loaded)
    assert (problem.function, problem.severity, problem.file, problem.line) == ("bad", "error", "bad.py", 3)


def test_names_that_lambda_refuses_and_names_taken(write: Write, load: Load) -> None:
    write("my func.py")
    write("a/orders/app.py")
    write("b/orders/app.py")
    loaded = load()
    assert [f.name for f in loaded.functions] == ["orders"]
    assert says(loaded, "'my func' cannot be a function's name")[0] == "warning"
    assert says(loaded, "a function orders is already declared by a/orders/app.py")[0] == "warning"


def test_loading_runs_nothing(write: Write, load: Load, project: Path) -> None:
    write("orders.py", "open('ran', 'w')\ndef handler(e, c): ...\n")
    check_project(load())
    assert sorted(p.name for p in project.iterdir()) == ["orders.py"]


def test_an_empty_folder_says_what_to_do(load: Load) -> None:
    assert says(load(), "no functions were found")[0] == "warning"


def test_what_is_no_folder_is_a_usage_error(tmp_path: Path, write: Write) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        load_project(tmp_path / "nowhere", LoadOptions())
    with pytest.raises(UsageError, match="is not a folder"):
        load_project(write("app.py"), LoadOptions())


def test_a_command_line_variable_for_nobody_is_a_notice(write: Write, load: Load) -> None:
    write("orders.py")
    assert says(load(env_vars={"order": {"AB": "1"}}), "Did you mean orders?") == ("notice", None)
    assert load(env_vars={"": {"AB": "1"}}).functions[0].environment == {"AB": "1"}
