"""Whatever a project says, loading it ends with a Project."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdatui.config.loader import check_project, load_project
from lambdatui.config.model import LoadOptions
from lambdatui.config.yaml_lines import ParseError, parse_json, parse_yaml

SHOP = (Path(__file__).parent / "templates" / "shop.yaml").read_text()
TOML = """
[defaults]
memory = 256
environment = {A1 = true}
[functions.orders]
handler = "orders.app.handler"
code = "."
dead_letter_queue = "orders-dlq"
environment = {B1 = 1.50}
[queues.orders-dlq]
redrive = { queue = "x", max_receive_count = 3 }
[streams.clicks]
shards = 2
[[functions.orders.events]]
type = "schedule"
every = "1s"
[[functions.orders.events]]
type = "queue"
queue = "q"
[[functions.orders.events]]
type = "http"
path = "/x"
"""
WORDS = [
    "",
    "x",
    "-1",
    "1e999",
    "~",
    "[]",
    "{}",
    "[[a]]",
    "{a: b}",
    "!Ref Nobody",
    "!Sub '${'",
    "!Sub ['${A.B}', {}]",
    "!Sub 5",
    "!GetAtt A",
    "!GetAtt [1, 2, 3]",
    "!Join x",
    "!Select [9, [a]]",
    "!FindInMap [Stages, x, y]",
    "!If [IsProd]",
    "!If [Nope, 1, 2]",
    "!Ref AWS::NoValue",
    "!Ref OrderQueue",
    "!Base64 {a: b}",
    "!Unknown [1]",
    "'\\0'",
    '"\\0"',
    "../../../../..",
    "2012-10-17",
    "!Cidr [a, b, c]",
    "${AWS::Region}",
    "true",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_templates_with_values_exchanged_still_load(tmp_path: Path, seed: int, changes: int) -> None:
    chance = random.Random(seed)
    lines = SHOP.splitlines()
    for _ in range(changes):
        at = chance.randrange(len(lines))
        key, colon, _value = lines[at].partition(":")
        kind = chance.randrange(3)
        if kind == 0 and colon:
            lines[at] = f"{key}: {chance.choice(WORDS)}"
        elif kind == 1:
            del lines[at]
        else:
            words = lines[at].split(" ")
            words[chance.randrange(len(words))] = chance.choice(WORDS)
            lines[at] = " ".join(words)
    (tmp_path / "template.yaml").write_text("\n".join(lines))
    project = load_project(tmp_path, LoadOptions())
    assert all(problem.remedy for problem in check_project(project))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_toml_with_values_exchanged_still_loads(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    values = ["1", '""', "true", "[]", "{}", "[[1]]", "nan", "-inf", "1979-05-27", '"\\u0000"', "{a={b=1}}", '"/"']
    lines = TOML.splitlines()
    for _ in range(3):
        at = chance.randrange(len(lines))
        key, equals, _value = lines[at].partition("=")
        lines[at] = f"{key}= {chance.choice(values)}" if equals else lines[at][: chance.randrange(len(lines[at]) + 1)]
    (tmp_path / "lambdatui.toml").write_text("\n".join(lines))
    check_project(load_project(tmp_path, LoadOptions()))


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_parse_error(text: str) -> None:
    for parse in (parse_yaml, parse_json):
        try:
            parse(text)
        except ParseError as exc:
            assert exc.message


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=40), inner, max_size=4),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_json_is_read_as_json_reads_it(value: object, ascii_only: bool) -> None:

    def texts(item: object) -> object:
        if isinstance(item, dict):
            return {key: texts(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [texts(inner) for inner in item]
        return {True: "true", False: "false"}[item] if isinstance(item, bool) else item

    assert parse_json(json.dumps(value, indent="\t", ensure_ascii=ascii_only)).value == texts(value)


def test_an_alias_bomb_is_refused_at_once() -> None:
    text = "a0: &a0 [" + ",".join("x" * 10) + "]\n"
    for level in range(1, 12):
        text += f"a{level}: &a{level} [" + ",".join([f"*a{level - 1}"] * 10) + "]\n"
    began = time.perf_counter()
    try:
        parse_yaml(text)
    except ParseError as exc:
        assert "grows" in exc.message
    else:
        raise AssertionError("it was read")
    assert time.perf_counter() - began < 5


def test_yaml_reads_the_same_without_its_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = parse_yaml(SHOP)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert parse_yaml(SHOP) == fast
    for text in ("[" * 3000, "a: [", "a\0b", "a: *b", "a:\n\t- b"):
        with pytest.raises(ParseError):
            parse_yaml(text)
