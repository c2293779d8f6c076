"""What an init imports, as the tree that IMPORTS carries, and that user code does not see it being recorded."""

from __future__ import annotations

from typing import Any

from runtime_harness import Answer, EnvironmentProcess, Start

from lambdatui import wire

HANDLER = "def handler(event, context):\n    return 1\n"


def imports(environment: EnvironmentProcess) -> tuple[Answer, dict[str, Any], dict[str, Any]]:
    """READY or INIT_ERROR, and meta and payload of the IMPORTS frame before it."""
    answer = environment.ready()
    (found,) = [(meta, body) for kind, meta, body in environment.measured if kind == wire.IMPORTS]
    return answer, *found


def tree(body: dict[str, Any]) -> dict[str, tuple[str | None, str]]:
    """{module: (what imported it, kind of place)}"""
    nodes = body["nodes"]
    return {name: (nodes[at][0] if at >= 0 else None, body["places"][place][0]) for name, at, _, _, place in nodes}


def busy(ms: int) -> str:
    return f"import time\nuntil = time.perf_counter() + {ms / 1000}\nwhile time.perf_counter() < until:\n    pass\n"


def test_each_module_stands_below_the_one_that_imported_it(start: Start) -> None:
    code = {"app.py": "import outer\n" + HANDLER, "outer.py": "import inner\n", "inner.py": busy(20)}
    _, _, body = imports(start(code))
    found = tree(body)
    assert found["app"] == (None, "own")
    assert found["outer"] == ("app", "own")
    assert found["inner"] == ("outer", "own")


def test_own_time_is_told_from_that_of_what_is_imported(start: Start) -> None:
    _, _, body = imports(start({"app.py": busy(20) + "import inner\n" + HANDLER, "inner.py": busy(40)}))
    us = {name: (own, whole) for name, _, own, whole, _ in body["nodes"]}
    assert us["inner"][0] >= 40_000
    assert 20_000 <= us["app"][0] <= us["app"][1] - us["inner"][1]


def test_the_split_counts_libraries_apart_from_own_code_that_they_import(start: Start, tmp_path: Any) -> None:
    site = tmp_path / "site-packages"
    (site / "lib").mkdir(parents=True)
    (site / "lib" / "__init__.py").write_text(busy(30) + "import settings\n")
    code = {"app.py": "import lib\n" + HANDLER, "settings.py": busy(200)}
    _, meta, body = imports(start(code, sys_path=[str(site)]))
    assert tree(body)["lib"] == ("app", "packages")
    assert tree(body)["settings"] == ("lib", "own")
    assert 30_000 <= meta["libraries_us"] < 200_000 <= meta["own_us"]
    assert [str(site)] in [place[1:] for place in body["places"]]


def test_places_are_told_apart(start: Start, tmp_path: Any) -> None:
    layer, sdk = tmp_path / "layer" / "python", tmp_path / "sdk"
    for folder, name in ((layer, "shared"), (sdk, "boto")):
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(busy(5))
    code = "import shared, boto, csv\ntry:\n    import nowhere\nexcept ImportError:\n    pass\n" + HANDLER
    options = {"sys_path": [str(layer)], "fallback": {"path": str(sdk), "modules": ["boto"]}}
    _, _, body = imports(start(code, **options))
    found = tree(body)
    assert (found["shared"][1], found["boto"][1], found["csv"][1]) == ("layer", "sdk", "standard")
    assert found.get("nowhere", ("app", "missing"))[1] == "missing"


def test_imports_of_other_threads_are_trees_of_their_own(start: Start) -> None:
    code = (
        "import threading\nt = threading.Thread(target=__import__, args=('slow',))\nt.start()\nimport here\nt.join()\n"
    )
    _, _, body = imports(start({"app.py": code + HANDLER, "slow.py": busy(50), "here.py": busy(5)}))
    assert tree(body)["slow"] == (None, "own")
    assert tree(body)["here"] == ("app", "own")


def test_a_failed_init_tells_what_it_had_imported(start: Start) -> None:
    answer, _, body = imports(start({"app.py": "import first\nimport gone\n", "first.py": busy(5)}))
    assert answer.kind == wire.INIT_ERROR
    assert tree(body)["first"] == ("app", "own")


def test_the_dearest_are_sent_with_all_that_holds_them(start: Start) -> None:
    modules = {f"m{n}.py": "x = 1\n" for n in range(700)}
    app = "".join(f"import m{n}\n" for n in range(700)) + "import deep\n" + HANDLER
    _, _, body = imports(start({"app.py": app, "deep.py": "import deeper\n", "deeper.py": busy(30), **modules}))
    nodes = body["nodes"]
    assert body["modules"] >= 703
    assert len(nodes) <= 300
    assert tree(body)["deeper"] == ("deep", "own")
    assert all(at < index for index, (_, at, *_) in enumerate(nodes))


def test_user_code_sees_the_import_system_as_it_is_without(start: Start) -> None:
    code = {
        "app.py": "import seen\nimport importlib._bootstrap as b, sys\n"
        "def handler(event, context):\n"
        "    return [seen.FRAMES, seen.BY_NAME, seen.PATH, len(sys.meta_path), len(b._ModuleLockManager.__mro__)]\n",
        "seen.py": "import importlib, sys, traceback\nPATH = len(sys.meta_path)\n"
        "def names(error):\n    return [f.name for f in traceback.extract_tb(error.__traceback__)]\n"
        "try:\n    import broken\nexcept ValueError as e:\n    FRAMES = names(e)\n"
        "try:\n    importlib.import_module('broken')\nexcept ValueError as e:\n    BY_NAME = names(e)\n",
        "broken.py": "raise ValueError('no')\n",
    }
    environment = start(code)
    imports(environment)
    frames, by_name, before, after, classes = environment.invoke().json
    assert frames == ["<module>", "<module>"]
    assert by_name.count("_find_and_load") == 1
    assert before == after
    assert classes == 2


def test_an_import_error_has_the_stack_trace_that_lambda_gives(start: Start) -> None:
    answer, *_ = imports(start({"app.py": "import second\n", "second.py": "raise KeyError('x')\n"}))
    assert [line.split(", ")[0].split("/")[-1] for line in answer.json["stackTrace"]][-2:] == ['app.py"', 'second.py"']


def test_modules_with_names_that_are_no_unicode_do_no_harm(start: Start) -> None:
    code = "import sys, types\nm = types.ModuleType('odd')\nm.__file__ = 'x\\udcff.py'\nsys.modules['odd'] = m\n"
    odd = "try:\n    __import__('caf\\udce9')\nexcept Exception:\n    pass\n"
    answer, *_ = imports(start(code + odd + HANDLER))
    assert answer.kind == wire.READY
