"""Which code runs: the snapshot's, wherever it lies, and never a stale or half-written file."""

from __future__ import annotations

import importlib.machinery
import json
import os
import py_compile
import shutil
import sys
from pathlib import Path

import pytest
import runtime_harness as harness
from runtime_harness import EnvironmentProcess, SpawnerProcess, Start

from lambdatui import wire

VERSION = "def handler(event, context):\n    return %d\n"


def test_a_save_gives_new_code_to_new_environments_and_none_to_old_ones(
    start: Start, spawner: SpawnerProcess, tmp_path: Path
) -> None:
    code = {"app.py": "def handler(event, context):\n    import late\n    return late.answer()\n"}
    code["late.py"] = "def answer():\n    return 1 // 1\n"
    old = start(code)
    old.ready()
    late = old.root / "late.py"
    late.write_text("def answer():\n    return 2 // 0\n")
    new = EnvironmentProcess(spawner, old.root)
    new.ready()
    assert old.invoke(0).json == 1
    failed = new.invoke(0)
    late.write_text("def answer():\n    return 3 // 3\n")
    again = new.invoke(0)
    assert failed.json["errorType"] == "ZeroDivisionError"
    assert again.json["stackTrace"][-1].endswith("return 2 // 0\n")
    assert again.diagnostics is not None
    assert again.diagnostics["frames"][-1]["source"][-1] == [2, "    return 2 // 0"]
    late.write_text("def answer(")
    assert old.invoke(0).json == 1
    new.kill()


def packages_of(ready: harness.Answer) -> dict[str, str]:
    """The libraries that READY names, but for the standard library's, in their order."""
    named = {name: file for name, file in ready.meta["libraries"] if file is not None}
    standard = str(Path(named["os"]).parent) + os.sep
    return {name: file for name, file in named.items() if "-packages" in file or not file.startswith(standard)}


@pytest.mark.parametrize("snapshot", [True, False])
def test_same_size_edits_within_a_second_are_never_stale(
    start: Start, spawner: SpawnerProcess, tmp_path: Path, snapshot: bool
) -> None:
    root = harness.write(tmp_path / "task", {"app.py": VERSION % 0})
    # What Python itself would have left behind, and would now believe: same size, same second.
    py_compile.compile(str(root / "app.py"), doraise=True)
    cache = str(tmp_path / "bytecode")
    for number in range(1, 6):
        stamp = (root / "app.py").stat()
        (root / "app.py").write_text(VERSION % number)
        harness.os.utime(root / "app.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        environment = EnvironmentProcess(spawner, root, snapshot=snapshot, bytecode=cache)
        assert environment.ready().kind == wire.READY
        assert environment.invoke(0).json == number
        environment.kill()
        environment.close()
    assert len(list((root / "__pycache__").iterdir())) == 1
    assert len(list(Path(cache).glob("*"))) == (5 if snapshot else 0)


def test_cached_bytecode_is_used_and_a_broken_one_is_not(spawner: SpawnerProcess, tmp_path: Path) -> None:
    root = harness.write(tmp_path / "task", {"app.py": VERSION % 1})
    cache = tmp_path / "bytecode"

    def answer() -> object:
        environment = EnvironmentProcess(spawner, root, bytecode=str(cache))
        environment.ready()
        result = environment.invoke(0).json
        environment.kill()
        environment.close()
        return result

    assert answer() == 1
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for broken in (b"", whole[:-1], whole[:20] + b"\xff" * 20 + whole[40:], b"\0" * 4 + whole[4:]):
        file.write_bytes(broken)
        assert answer() == 1
        assert file.read_bytes() == whole
    assert list(cache.iterdir()) == [file]


PACKAGES = {
    "app.py": """
import importlib, json, os, pkgutil, sys
from shop import prices
from shop.deep.er import name
import spaces.inside
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import helper
def handler(event, context):
    return [prices.PRICE, name(), spaces.inside.X, helper.Y, pkgutil.get_data("shop", "data.txt").decode(),
        sorted(m.name for m in pkgutil.iter_modules(sys.modules["shop"].__path__)), prices.__file__, helper.__file__]
""",
    "shop/__init__.py": "",
    "shop/prices.py": "from . import base\nPRICE = base.PRICE\n",
    "shop/base.py": "PRICE = 3\n",
    "shop/deep/__init__.py": "",
    "shop/deep/er.py": "def name():\n    from ..base import PRICE\n    return __name__ + str(PRICE)\n",
    "shop/data.txt": "real",
    "spaces/inside.py": "X = 5\n",
    "lib/helper.py": "Y = 7\n",
}


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize("python", harness.pythons())
def test_packages_namespaces_relative_imports_and_added_paths(start: Start, python: str, snapshot: bool) -> None:
    environment = start(PACKAGES, python=python, snapshot=snapshot)
    ready = environment.ready()
    assert ready.kind == wire.READY, ready.payload
    root = environment.root
    assert environment.invoke(0).json == [
        3, "shop.deep.er3", 5, 7, "real", ["base", "deep", "prices"], str(root / "shop/prices.py"),
        str(root / "lib/helper.py"),
    ]  # fmt: skip
    assert not list(root.rglob("__pycache__"))
    assert (packages_of(ready), ready.meta["files"]) == ({}, [])


def test_resources_and_odd_handler_names(start: Start) -> None:
    code = """
import importlib.resources, inspect
import shop
def go(event, context):
    return [importlib.resources.files("shop").joinpath("data.txt").read_text(), inspect.getsource(shop.f)]
"""
    files = {"a/kinesis-consumer-fn.py": code, "shop/__init__.py": "def f():\n    pass\n", "shop/data.txt": "d"}
    environment = start(files, "a/kinesis-consumer-fn.go")
    environment.ready()
    assert environment.invoke(0).json == ["d", "def f():\n    pass\n"]


def test_user_modules_may_have_our_names_and_the_standard_librarys_win_as_on_lambda(start: Start) -> None:
    ours = ["wire", "runtime", "lambdatui", "bootstrap", "channel", "context", "handler", "loader", "marshal_", "start"]
    code = "import json, statistics\n" + "".join(f"import {name} as _{name}\n" for name in ours)
    who = ", ".join(f"_{name}.WHO" for name in ours)
    code += f"def handler(event, context):\n    return [{who}, statistics.WHO, json.dumps(1)]\n"
    files = {f"{name}.py": f"WHO = {name!r}\n" for name in [*ours, "statistics"]}
    files["json.py"] = "raise RuntimeError('on Lambda, json is imported before user code')\n"
    environment = start({"app.py": code, **files})
    ready = environment.ready()
    assert ready.kind == wire.READY, ready.payload
    assert environment.invoke(0).json == [*ours, "statistics", "1"]


def test_extension_modules_come_from_the_real_folder(start: Start, tmp_path: Path) -> None:
    folder = Path(harness.os.__file__).parent / "lib-dynload"
    found = list(folder.glob("_statistics*" + importlib.machinery.EXTENSION_SUFFIXES[0]))
    if not found:
        pytest.skip("no extension module to copy on this interpreter")
    (tmp_path / "task" / "vendor").mkdir(parents=True)
    shutil.copy(found[0], tmp_path / "task" / "vendor")
    code = "from vendor import _statistics\ndef handler(event, context):\n    return _statistics.__file__\n"
    environment = start({"app.py": code, "vendor/__init__.py": ""}, python=sys.executable)  # whose module it is
    ready = environment.ready()
    assert ready.kind == wire.READY, ready.payload
    assert environment.invoke(0).json == str(tmp_path / "task" / "vendor" / found[0].name)


def test_the_module_of_snapstarts_hooks_is_there_unless_the_code_has_its_own(start: Start) -> None:
    code = """
from snapshot_restore_py import register_after_restore, register_before_snapshot

@register_before_snapshot
def close(): raise ValueError("no snapshot is taken")

register_after_restore(print, "restored", end="")

def handler(event, context): return close.__name__
"""
    environment = start(code)
    ready = environment.ready()
    assert (ready.kind, packages_of(ready), ready.meta["files"]) == (wire.READY, {}, [])
    answer = environment.invoke(0)
    assert (answer.json, answer.output) == ("close", b"")
    own = start({"app.py": "from snapshot_restore_py import handler", "snapshot_restore_py.py": VERSION % 1})
    assert own.ready().kind == wire.READY
    assert own.invoke(0).json == 1


def test_only_the_named_modules_come_from_the_fallback_and_only_in_the_end(start: Start, tmp_path: Path) -> None:
    engine = harness.write(
        tmp_path / "engine",
        {"boto3/__init__.py": "from . import session\nimport botocore\n", "boto3/session.py": "",
         "botocore.py": "", "textual.py": ""},
    )  # fmt: skip
    layer = harness.write(tmp_path / "layer", {"statistics.py": "WHO = 'layer'\n", "shared.py": "WHO = 'layer'\n"})
    packages = harness.write(tmp_path / "site-packages", {"fractions.py": "", "requests.py": "WHO = 'packages'\n"})
    code = """
import boto3, fractions, shared, statistics, requests
def handler(event, context):
    try:
        import textual
    except ImportError as error:
        return [str(error), statistics.WHO, shared.WHO, requests.WHO, hasattr(fractions, "Fraction")]
"""
    environment = start(
        code, sys_path=[str(layer), str(packages)], fallback={"path": str(engine), "modules": ["boto3", "botocore"]}
    )
    ready = environment.ready()
    assert ready.kind == wire.READY, ready.payload
    assert environment.invoke(0).json == ["No module named 'textual'", "layer", "layer", "packages", True]
    assert packages_of(ready) == {
        "boto3": str(engine / "boto3/__init__.py"), "boto3.session": str(engine / "boto3/session.py"),
        "botocore": str(engine / "botocore.py"), "requests": str(packages / "requests.py"),
    }  # fmt: skip
    assert list(packages_of(ready)) == ["boto3", "boto3.session", "botocore", "requests"]
    assert ready.meta["files"] == [str(layer / "shared.py"), str(layer / "statistics.py")]


def test_an_import_error_says_what_lambda_says_and_nothing_more(start: Start) -> None:
    ready = start("import requests_that_is_missing.adapters\n").ready()
    assert json.loads(ready.payload) == {
        "errorMessage": "Unable to import module 'app': No module named 'requests_that_is_missing'",
        "errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": [],
    }  # fmt: skip
