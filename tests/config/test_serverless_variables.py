"""The variables of serverless.yml: sources, defaults, files, and those that cannot be known."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lambdatui.config.declared import Declared
from lambdatui.config.intrinsics import Unresolved
from lambdatui.config.model import LoadOptions
from lambdatui.config.serverless_grammar import Malformed, parse
from lambdatui.config.serverless_sources import Sources
from lambdatui.config.serverless_variables import Raw
from lambdatui.config.yaml_lines import Map, parse_yaml

SERVICE = """
service: shop
provider: {name: aws, stage: "${opt:stage, 'dev'}", region: eu-west-1}
params:
  default: {host: general.example, deep: {a: 1}}
  prod: {host: prod.example}
custom:
  words: [zero, one]
  sizes: {dev: 128, prod: 512}
  table: ${self:service}-${sls:stage}
  chain: ${self:custom.table}
"""


def value(text: str, folder: Path = Path("/nowhere/shop"), **given: str) -> Raw:
    """What `text` resolves to at custom.it."""
    root = parse_yaml(SERVICE + "  it: " + text + "\n").value
    assert isinstance(root, Map)
    into = Declared(root=folder, stack="shop", options=LoadOptions(), data=folder / ".lambdatui")
    return Sources(folder, into, given).variables(root).at("custom", "it")


def why(text: str, folder: Path = Path("/nowhere/shop"), **given: str) -> str:
    found = value(text, folder, **given)
    assert isinstance(found, Unresolved), found
    return found.why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${self:service}", "shop"),
        ("${self:custom.chain}-x", "shop-dev-x"),
        ("${self:custom.words.1}", "one"),
        ("${self:custom.words}", ["zero", "one"]),
        ("${self:custom.sizes.${sls:stage}}", "128"),
        ("${self:custom.sizes.${opt:size, 'prod'}}", "512"),
        ("${sls:stage}/${sls:instanceId}", "dev/local"),
        ("${aws:region} ${aws:accountId}", "us-east-1 000000000000"),
        ("${param:host}", "general.example"),
        ("${param:deep}", {"a": "1"}),
        ("${opt:none, 'a, b: c}'}", "a, b: c}"),
        ('${opt:none, "it said \\"so\\""}', 'it said "so"'),
        ("${opt:none, self:custom.none, self:service}", "shop"),
        ("${opt:none, ${self:custom.none, ${self:service}}}", "shop"),
        ("${opt:none, ''}", ""),
        ("${opt:none, 5}", "5"),
        ("${opt:none, null}", None),
        ("${ssm:/a/b, 'x'}", "x"),
        ("${strToBool(${opt:none, 'true'})}", "true"),
        ("${strToBool(0)}", "false"),
        ("a ${self:service} b ${sls:stage}", "a shop b dev"),
        ("\\${self:service}", "${self:service}"),
        # CloudFormation's own
        ("arn:${AWS::Region}:${Table}:${Table.Arn}:${!x}", "arn:${AWS::Region}:${Table}:${Table.Arn}:${!x}"),
        ("${AWS::Region}-${self:service}", "${AWS::Region}-shop"),
        ("$5 ${", "$5 ${"),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(json.dumps(text)) == expected


def test_options_are_parameters_of_the_command_line() -> None:
    assert value("${opt:stage}-${param:host}", stage="prod") == "prod-prod.example"
    assert value("${param:host}", host="given", stage="prod") == "given"
    assert value("${ssm:/a/b}", **{"ssm:/a/b": "known"}) == "known"


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDATUI_TEST", "there")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    assert value("${env:LAMBDATUI_TEST}") == "there"
    assert value("${env:LAMBDATUI_NONE, env:LAMBDATUI_TEST}") == "there"
    assert "credentials never reach" in why("${env:AWS_SECRET_ACCESS_KEY}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${self:custom.none}", "there is no custom.none in the file"),
        ("${opt:none}", "${opt:none} has no value"),
        ("${env:LAMBDATUI_NONE}", "the environment has no variable LAMBDATUI_NONE"),
        ("${param:none}", "there is no parameter none"),
        ("${ssm:/a/b}", "read from the Parameter Store at deployment (--parameter 'ssm:/a/b=…' gives it)"),
        ("${cf:other.Out}", "read from another stack"),
        ("${magic:x}", "there is no source magic"),
        ("${sls:none}", "the source sls has no none"),
        ("${strToBool(maybe)}", "strToBool takes true"),
        ("${self:custom.it}", "depends on itself"),
        ("x-${self:custom.sizes}", "is no text"),
        ("${opt:stage, dev}", "'dev' is neither a source such as self:key nor a text in quotes"),
        ("${self:service", "is not closed"),
        ("pre-${ssm:/a}", "Parameter Store"),
        ("${file(../shop2/x.yml)}", "outside of the project (run the folder that holds both, with --template)"),
        ("${file(/etc/hostname)}", "lies outside of the project"),
        ("${file(x.js):a}", "is a program"),
        ("${construct:a.b}", "there is no construct a"),
    ],
)
def test_what_cannot_be_known_says_why(text: str, words: str) -> None:
    assert words in why(json.dumps(text))


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("x: {y: [1, '${self:service}']}\nname: ${file(./b.json):n.${sls:stage}}\n")
    (tmp_path / "b.json").write_text('{"n": {"dev": "of-dev"}}')
    (tmp_path / "c.txt").write_text("plain ${self:service}")
    (tmp_path / ".env.dev").write_text("KEY=v\n")
    (tmp_path / ".env.app.yml").write_text("KEY: of-yaml\n")
    (tmp_path / "bad.yml").write_text("a: [\n")
    (tmp_path / "folder.yml").mkdir()
    assert value("${file(a.yml):x.y}", tmp_path) == ["1", "shop"]
    assert value("${file(a.yml):name}", tmp_path) == "of-dev"
    assert value("${file(./a.yml)}", tmp_path) == {"x": {"y": ["1", "shop"]}, "name": "of-dev"}
    assert value("${file(c.txt)}", tmp_path) == "plain shop"
    assert value("${file(.env.${sls:stage}):KEY}", tmp_path) == "v"
    assert value("${file(.env.app.yml):KEY}", tmp_path) == "of-yaml", "the extension decides first"
    assert value("${file(none.yml), 'else'}", tmp_path) == "else"
    assert value("${file(a.yml):none, 'else'}", tmp_path) == "else"
    assert "bad.yml, line" in why("${file(bad.yml)}", tmp_path)
    assert "is no file" in why("${file(folder.yml)}", tmp_path)
    assert "there is no file none.yml" in why("${file(none.yml):a}", tmp_path)
    assert "a.yml has no none" in why("${file(a.yml):none}", tmp_path)


def test_a_link_that_leads_outside_is_outside(tmp_path: Path) -> None:
    inside = tmp_path / "shop"
    inside.mkdir()
    (tmp_path / "secret.yml").write_text("a: 1\n")
    (inside / "link.yml").symlink_to(tmp_path / "secret.yml")
    assert "lies outside" in why("${file(link.yml):a}", inside)


def test_a_file_may_use_what_it_is_put_into(tmp_path: Path) -> None:
    (tmp_path / "custom.yml").write_text("stage: ${opt:stage, 'dev'}\ntable: t-${self:custom.stage}\n")
    root = parse_yaml("service: x\ncustom: ${file(custom.yml)}\n").value
    assert isinstance(root, Map)
    into = Declared(root=tmp_path, stack="x", options=LoadOptions(), data=tmp_path)
    assert Sources(tmp_path, into, {}).variables(root).at("custom", "table") == "t-dev"


@pytest.mark.parametrize(
    "lines",
    [
        "it: ${self:custom}",
        "it: {a: '${self:custom.it}'}",
        "it: ${self:}",
        "it: ${self:custom.b}\n  b: ${self:custom.c}\n  c: ${self:custom.it}",
        "it: ${self:custom.${self:custom.it}}",
        "it: x${self:custom.it}",
        "it: ${param:it}\nparams: {default: {it: '${self:custom.it}'}}",
    ],
)
def test_circles_end(lines: str) -> None:
    root = parse_yaml(f"service: x\ncustom:\n  {lines}\n").value
    assert isinstance(root, Map)
    into = Declared(root=Path("/nowhere"), stack="x", options=LoadOptions(), data=Path("/nowhere"))
    found = Sources(Path("/nowhere"), into, {}).variables(root).at("custom", "it")
    assert "itself" in repr(found)


def test_values_and_texts_that_grow_without_end_are_refused() -> None:
    into = Declared(root=Path("/nowhere"), stack="x", options=LoadOptions(), data=Path("/nowhere"))
    began = time.perf_counter()
    for first, more in (("[a, b]", "['${self:v%d}', '${self:v%d}']"), ("abcdefghij", "'${self:v%d}${self:v%d}'")):
        text = f"v0: {first}\n" + "".join(f"v{n}: {more % (n - 1, n - 1)}\n" for n in range(1, 50))
        root = parse_yaml(text).value
        assert isinstance(root, Map)
        assert "grows" in repr(Sources(Path("/nowhere"), into, {}).variables(root).at("v40"))
    assert time.perf_counter() - began < 5


def test_nesting_is_bounded() -> None:
    with pytest.raises(Malformed):
        parse("${self:" * 5_000)
    chain = "".join(f"v{n}: '${{self:v{n + 1}}}'\n" for n in range(3_000))
    root = parse_yaml(chain).value
    assert isinstance(root, Map)
    into = Declared(root=Path("/nowhere"), stack="x", options=LoadOptions(), data=Path("/nowhere"))
    assert "nested too deep" in repr(Sources(Path("/nowhere"), into, {}).variables(root).at("v0"))


def test_what_the_framework_itself_writes() -> None:
    root = parse_yaml(
        "service: x\nfunctions: {a: {handler: a.b}}\nit: '${self:functions.a.name} ${self:provider.stage}'\n"
    ).value
    assert isinstance(root, Map)
    into = Declared(root=Path("/nowhere"), stack="x", options=LoadOptions(), data=Path("/nowhere"))
    assert Sources(Path("/nowhere"), into, {}).variables(root).at("it") == "x-dev-a dev"
    assert Sources(Path("/nowhere"), into, {"stage": "p"}).variables(root).at("it") == "x-p-a p"
