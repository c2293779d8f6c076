"""What a library zygote may hold, and for which code it stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.engine import libraries
from lambdatui.engine.libraries import Claims, Facts, Parts, facts

PARTS = Parts(
    sites=("/p/.lambdatui/packages/k/site-packages",),
    folders=("/p/code", "/p/layer/python"),
    of_function=frozenset({"TABLE", "_HANDLER"}),
    of_environment=frozenset({"STREAM"}),
    root="/p",
)
VENV = Parts(
    sites=(), folders=("/p",), of_function=frozenset(), of_environment=frozenset(), root="/p", virtual_env="/p/.venv"
)


def imports(source: str) -> frozenset[str]:
    found = facts(source.encode())
    assert found is not None
    return found.imports


# --- modules


@pytest.mark.parametrize(
    ("file", "parts", "expected"),
    [
        ("/usr/lib/python3.11/json/__init__.py", PARTS, True),
        ("/p/.lambdatui/packages/k/site-packages/yaml/__init__.py", PARTS, True),
        ("/engine/site-packages/boto3/__init__.py", PARTS, True),  # the fallback
        ("/p/code/app.py", PARTS, False),
        ("/p/layer/python/common.py", PARTS, False),
        ("/p/shared/util.py", PARTS, False),
        ("/p/code/vendor/site-packages/yaml.py", PARTS, False),
        ("/else/site-packages/yaml.py", PARTS, False),  # the user's code looked there, this Python does not
        ("/p/.venv/lib/python3.11/site-packages/yaml.py", VENV, True),
        ("/p/.venv/src/editable/module.py", VENV, False),
        ("/usr/lib/python3/dist-packages/yaml.py", VENV, True),  # of the Python below the virtual environment
        ("/p/app.py", VENV, False),
    ],
)
def test_a_library_is_installed_or_standard_and_never_the_users_own(file: str, parts: Parts, expected: bool) -> None:
    assert libraries.is_library(file, parts, "/engine/site-packages") is expected


def test_built_in_modules_are_libraries_and_the_order_of_imports_is_kept() -> None:
    loaded = [("sys", None), ("app", "/p/code/app.py"), ("json", "/usr/lib/python3.11/json/__init__.py")]
    assert list(libraries.libraries(loaded, PARTS, None)) == ["sys", "json"]


def test_a_zygote_may_hold_more_of_the_standard_library_and_nothing_else() -> None:
    library = "/usr/lib/python3.11"
    learned = {"os": f"{library}/os.py", "six": "/site-packages/six.py", "urllib3": "/vendor/urllib3.py"}
    assert libraries.differences({"os": f"{library}/os.py", "ctypes": f"{library}/ctypes.py"}, learned) == []
    assert libraries.differences({"six.moves": "/site-packages/six.py"}, learned) == []  # another name of the same
    hidden = {"six.hidden": "/site-packages/hidden.py", "os.hidden": "/elsewhere/hidden.py"}
    assert libraries.differences(hidden, learned) == ["os.hidden"]  # a package may keep a module from being told of
    assert libraries.differences({"urllib3": "/site-packages/urllib3.py"}, learned) == ["urllib3"]
    assert libraries.differences({"yaml": f"{library}/site-packages/yaml.py"}, learned) == ["yaml"]


def test_the_users_own_modules_win_over_libraries_and_over_what_a_library_looks_for_in_vain(tmp_path: Path) -> None:
    for name in ("simplejson.py", "yaml.cpython-310-x86_64-linux-gnu.so", "readme.md", "email.py"):
        (tmp_path / name).touch()
    for name in ("boto3", "six", "google"):
        (tmp_path / name).mkdir()
    (tmp_path / "boto3" / "__init__.py").touch()
    held = {"yaml": "/s/yaml.py", "boto3": "/s/b.py", "six": "/s/six.py", "google": None, "readme": "/s/readme.py"}
    held |= {"email": "/usr/lib/python3.11/email.py"}  # Lambda's runtime has imported it before any user code
    claims = libraries.claims([str(tmp_path), "/nowhere"])
    assert libraries.claimed([claims], held, ["simplejson"]) == ["boto3", "google", "simplejson", "yaml"]


def test_sources_that_are_served_claim_their_names_whatever_is_in_the_folder_now() -> None:
    claims = libraries.claims_of(["app.py", "yaml/__init__.py", "six/data.py", "a/b/requests.py"])
    held = {"yaml": "/s/yaml.py", "six": "/s/six.py", "requests": "/s/requests.py", "app": "/s/app.py"}
    assert libraries.claimed([claims], held, []) == ["app", "yaml"]
    assert libraries.claimed([claims], {}, ["six"]) == ["six"]


names = st.sampled_from(["yaml", "six", "boto3", "numpy", "app", "simplejson"])


@given(st.frozensets(names), st.dictionaries(names, st.sampled_from(["/s/x.py", None])), st.sets(names))
def test_no_name_that_the_user_has_is_ever_taken_from_a_zygote(
    own: frozenset[str], held: dict[str, str | None], missed: set[str]
) -> None:
    found = libraries.claimed([Claims(own, frozenset())], held, missed)
    assert set(found) == own & (held.keys() | missed)


# --- variables


def test_a_shared_zygote_has_no_variable_of_a_function_and_none_has_an_environments() -> None:
    variables = {"TABLE": "t", "_HANDLER": "a.b", "STREAM": "s", "AWS_REGION": "r", "TZ": "x", "LD_LIBRARY_PATH": "/l"}
    assert libraries.shared(variables, PARTS, alone=False).keys() == {"AWS_REGION", "TZ", "LD_LIBRARY_PATH"}
    assert libraries.shared(variables, PARTS, alone=True).keys() == variables.keys() - {"STREAM"}


def test_what_the_c_library_reads_at_a_process_start_is_there_from_its_start() -> None:
    parts = Parts(sites=(), folders=(), of_function=frozenset({"TZ", "LC_ALL"}), of_environment=frozenset(), root="/p")
    assert libraries.shared({"TZ": "x", "LC_ALL": "C"}, parts, alone=False) == {"TZ": "x", "LC_ALL": "C"}
    assert libraries.conflict(["TZ"], parts, alone=False) is None


@pytest.mark.parametrize(
    ("reads", "alone", "expected"),
    [
        (["AWS_REGION", "NOT_THERE"], False, None),
        (["TABLE"], False, "TABLE"),
        (["TABLE"], True, None),
        (["STREAM"], True, "STREAM"),
        (["*"], False, "*"),
        (["*"], True, "*"),
    ],
)
def test_an_import_may_have_read_only_what_the_zygote_has(reads: list[str], alone: bool, expected: str | None) -> None:
    assert libraries.conflict(reads, PARTS, alone=alone) == expected


# --- sources


def test_import_statements_are_found_wherever_they_stand() -> None:
    source = """
import a.b as c, d
from .e import f as g
if X:
    import h
def fn():
    try:
        from i import *
    except ImportError:
        import j
importlib.import_module("k")
"""
    texts = " | ".join(imports(source))
    for text in ("import a.b", "import d", "from .e import f", "import h", "from i import *", "import j", "('k')"):
        assert text in texts


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("import a", "import a\nx = 2", True),
        ("import a", "import a, b", True),
        ("import a, b", "import a", False),
        ("import a", "if False:\n    import a", False),
        ("if X:\n    import a", "if Y:\n    import a", False),
        ("import a", "def f():\n    import a", False),
        ("import a as x", "import a as y", True),
        ("from a import b", "from a import c", False),
        ("import a", "import a\nimport sys\nsys.path.insert(0, 'vendor')", False),
        ("sys.path.append('x')", "sys.path.append('x')\nimport a", True),
        ("__import__('a')", "pass", False),
        ("import a", "import (", False),
        (
            "try:\n    import a\nexcept ImportError:\n    a = 1",
            "try:\n    import a\nexcept Exception:\n    a = 1",
            True,
        ),
    ],
)
def test_code_keeps_its_imports_where_a_save_only_adds_some(before: str, after: str, kept: bool) -> None:
    sources = {"1": before, "2": after}
    assert libraries.keeps({"app.py": "1"}, {"app.py": "2"}, lambda sha: facts(sources[sha].encode())) is kept


def test_a_source_that_goes_takes_its_imports_along_and_one_that_comes_brings_some() -> None:
    sources = {"1": "import a", "2": "x = 1", "3": "import b", "4": "sys.path.append('.')"}

    def look(sha: str) -> Facts | None:
        return facts(sources[sha].encode())

    assert not libraries.keeps({"app.py": "2", "util.py": "1"}, {"app.py": "2"}, look)
    assert libraries.keeps({"app.py": "2", "none.py": "2"}, {"app.py": "2"}, look)
    assert libraries.keeps({"app.py": "2"}, {"app.py": "2", "new.py": "3"}, look)
    assert not libraries.keeps({"app.py": "2"}, {"app.py": "2", "new.py": "4"}, look)


def test_a_new_file_may_go_before_a_library_where_code_changes_the_places_to_look_in() -> None:
    before, after = {"app.py": "1"}, {"app.py": "1", "vendor/urllib3.py": "2"}
    assert libraries.keeps(before, after, lambda sha: Facts())
    assert not libraries.keeps(before, after, lambda sha: Facts(), moving=True)
    assert libraries.moves_paths(b"sys.path.insert(0, 'vendor')") and not libraries.moves_paths(b"import sys")


def test_sources_that_stayed_are_not_looked_at() -> None:
    def look(sha: str) -> Facts | None:
        raise AssertionError(sha)

    assert libraries.keeps({"app.py": "1"}, {"app.py": "1"}, look)


statements = st.lists(st.sampled_from(["import a", "import b", "from c import d", "x = 1"]), max_size=5)
manifests = st.dictionaries(st.sampled_from(["app.py", "util.py", "pkg/m.py"]), statements.map("\n".join))


@given(manifests, manifests)
def test_no_import_is_ever_lost_between_kept_versions(before: dict[str, str], after: dict[str, str]) -> None:
    if libraries.keeps(before, after, lambda text: facts(text.encode())):
        for path, text in before.items():
            assert imports(text) <= imports(after.get(path, ""))


# --- files


def test_a_fingerprint_changes_with_a_file_and_with_the_names_in_a_folder(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.write_text("x = 1")
    paths = [str(module), str(tmp_path), str(tmp_path / "gone.py")]
    before = libraries.fingerprint(paths)
    assert libraries.fingerprint(paths) == before
    stat = module.stat()
    module.write_text("x = 2")
    os.utime(module, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a package manager sets it
    after = libraries.fingerprint(paths)
    assert after[paths[0]] != before[paths[0]] and after[paths[1]] == before[paths[1]]
    (tmp_path / "gone.py").touch()
    assert {path for path, mark in libraries.fingerprint(paths).items() if mark != after[path]} == set(paths[1:])


def test_what_was_written_after_a_build_began_is_told(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.touch()
    marks = libraries.fingerprint([str(module), "/nowhere"])
    changed = module.stat().st_ctime_ns
    assert libraries.changed_since(marks, changed)
    assert not libraries.changed_since(marks, changed + 1)


def test_a_zygote_stands_on_its_python_its_package_folders_and_its_modules_files() -> None:
    held = {"sys": None, "yaml": "/v/lib/python3/site-packages/yaml/__init__.py"}
    parts = Parts(
        sites=("/k/site-packages",), folders=("/p",), of_function=frozenset(), of_environment=frozenset(), root="/p",
        virtual_env="/v",
    )  # fmt: skip
    assert libraries.watched(["/v/bin/python", "-I"], parts, "/engine/site-packages", held) == [
        "/v/bin/python", "/v/pyvenv.cfg", "/k/site-packages", "/engine/site-packages", "/v/lib/python3/site-packages",
        "/v/lib/python3/site-packages/yaml/__init__.py",
    ]  # fmt: skip
