"""Files that name packages, read as requirement lines."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from lambdatui.config.manifests import Manifest, ManifestError, manifests_of
from lambdatui.config.model import FunctionConfig


def function(root: Path, **more: object) -> FunctionConfig:
    return FunctionConfig(name="f", logical_id="f", handler="app.handler", code_root=str(root), **more)  # type: ignore[arg-type]


def own(root: Path, files: dict[str, str], **more: object) -> Manifest | None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return manifests_of(function(root, **more))[0]


def texts(manifest: Manifest | None) -> list[str]:
    assert manifest is not None
    return [line.text for line in manifest.lines]


# --- requirements.txt


def test_comments_blank_lines_and_continuations_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    text = "# all\n\nrequests==2.32.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb # why\nurl @ https://h/x#sub\n"
    found = own(tmp_path, {"requirements.txt": text})
    assert texts(found) == ["requests==2.32.0 --hash=sha256:aa --hash=sha256:bb", "url @ https://h/x#sub"]
    assert found is not None and [line.line for line in found.lines] == [3, 6]


def test_included_files_are_followed_once_and_watched(tmp_path: Path) -> None:
    found = own(
        tmp_path,
        {
            "requirements.txt": "-r more/base.txt\n-c c.txt\nflask\n",
            "more/base.txt": "-r ../requirements.txt\nrequests\n",
            "c.txt": "requests<3\n",
        },
    )
    assert texts(found) == ["requests", "flask"]
    assert found is not None and [line.text for line in found.constraints] == ["requests<3"]
    assert {Path(file).name for file in found.files} == {"requirements.txt", "base.txt", "c.txt"}


def test_an_included_file_that_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"names gone\.txt, which is not there") as caught:
        own(tmp_path, {"requirements.txt": "flask\n-r gone.txt\n"})
    problem = caught.value.problem(tmp_path, "f")
    assert (problem.file, problem.line, problem.severity) == ("requirements.txt", 2, "error")


@pytest.mark.parametrize(
    "line", ["./pkg", "-e ./pkg", "--editable=pkg/", "file:./pkg", "./pkg[extra] ; python_version > '3'"]
)
def test_local_packages_become_absolute_and_are_never_linked(tmp_path: Path, line: str) -> None:
    (tmp_path / "pkg").mkdir()
    found = own(tmp_path, {"requirements.txt": line})
    assert found is not None
    assert found.lines[0].local == str(tmp_path / "pkg")
    assert found.lines[0].text.startswith(str(tmp_path / "pkg"))


def test_an_editable_repository_is_installed_from_its_address(tmp_path: Path) -> None:
    found = own(tmp_path, {"requirements.txt": "-e git+https://h/r.git@v1#egg=thing\n"})
    assert texts(found) == ["thing @ git+https://h/r.git@v1#egg=thing"]


def test_options_stay_and_folders_of_links_are_found_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    found = own(tmp_path, {"requirements.txt": "--no-index\n-f wheels\n--extra-index-url https://h/simple\nx\n"})
    assert texts(found) == ["--no-index", f"-f {tmp_path / 'wheels'}", "--extra-index-url https://h/simple", "x"]


@pytest.mark.parametrize("text", ["", "# nothing\n\n", "--no-index\n"])
def test_a_file_that_asks_for_nothing_is_none(tmp_path: Path, text: str) -> None:
    assert own(tmp_path, {"requirements.txt": text}) is None


def test_what_asks_for_nothing_gives_way_to_the_next_file(tmp_path: Path) -> None:
    found = own(tmp_path, {"requirements.txt": "", "pyproject.toml": '[project]\ndependencies = ["flask>=3"]\n'})
    assert texts(found) == ["flask>=3"]


def test_windows_encodings_are_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(codecs.BOM_UTF16_LE + "flask\r\n".encode("utf-16-le"))
    assert texts(own(tmp_path, {})) == ["flask"]


def test_bytes_that_are_no_text_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"flask\xff\xfe\n")
    with pytest.raises(ManifestError, match="is not understood"):
        own(tmp_path, {})


def test_the_file_that_the_project_names_wins(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask\n", "deploy/prod.txt": "boto3\n"}
    assert texts(own(tmp_path, files, requirements=str(tmp_path / "deploy/prod.txt"))) == ["boto3"]


def test_layers_have_their_own_at_their_root_or_in_python(tmp_path: Path) -> None:
    for name in ("code", "a", "b/python"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a/requirements.txt").write_text("requests\n")
    (tmp_path / "b/python/requirements.txt").write_text("flask\n")
    layers = (str(tmp_path / "a"), str(tmp_path / "b"))
    none, of_layers = manifests_of(function(tmp_path / "code", layers=layers))
    assert none is None
    assert [(layer, texts(one)) for layer, one in of_layers] == [(layers[0], ["requests"]), (layers[1], ["flask"])]


# --- lock files


def test_pipfile_lock_gives_its_default_section_with_hashes_and_markers(tmp_path: Path) -> None:
    text = """{"_meta": {"sources": [{"url": "https://pypi.org/simple"}, {"url": "https://own.example/simple"}]},
     "default": {"requests": {"version": "==2.32.0", "hashes": ["sha256:aa"], "extras": ["socks"],
                 "markers": "python_version >= '3.8'"}}, "develop": {"pytest": {"version": "==8"}}}"""
    found = own(tmp_path, {"Pipfile.lock": text})
    assert texts(found) == [
        "--extra-index-url https://own.example/simple",
        "requests[socks]==2.32.0 ; (python_version >= '3.8') --hash=sha256:aa",
    ]
    assert found is not None and found.pinned == 1


def test_hashes_are_left_out_where_not_all_have_them(tmp_path: Path) -> None:
    text = """{"default": {"a": {"version": "==1", "hashes": ["sha256:aa"]},
     "b": {"git": "https://h/b.git", "ref": "c0ffee"}}}"""
    assert texts(own(tmp_path, {"Pipfile.lock": text})) == ["a==1", "b @ git+https://h/b.git@c0ffee"]


POETRY_1 = """
[[package]]
name = "Requests"
version = "2.32.0"
optional = false
files = [{file = "r.whl", hash = "sha256:aa"}]
[package.dependencies]
idna = ">=2"
colorama = {version = "*", markers = "sys_platform == 'win32'"}
PySocks = {version = ">=1", optional = true, markers = "extra == 'socks'"}
[package.extras]
socks = ["PySocks (>=1)"]

[[package]]
name = "idna"
version = "3.7"
files = [{file = "i.whl", hash = "sha256:bb"}]

[[package]]
name = "colorama"
version = "0.4.6"
files = [{file = "c.whl", hash = "sha256:cc"}]

[[package]]
name = "pysocks"
version = "1.7.1"
files = [{file = "p.whl", hash = "sha256:dd"}]

[[package]]
name = "pytest"
version = "8.0.0"
files = [{file = "t.whl", hash = "sha256:ee"}]
"""


def poetry_project(dependencies: str) -> str:
    development = "[tool.poetry.group.dev.dependencies]\npytest = '*'\n"
    return f"[tool.poetry.dependencies]\npython = '^3.9'\n{dependencies}\n{development}"


def test_an_old_poetry_lock_is_followed_from_the_projects_own_dependencies(tmp_path: Path) -> None:
    found = own(tmp_path, {"poetry.lock": POETRY_1, "pyproject.toml": poetry_project("requests = '^2'")})
    assert texts(found) == [
        "colorama==0.4.6 ; (sys_platform == 'win32') --hash=sha256:cc",
        "idna==3.7 --hash=sha256:bb",
        "Requests==2.32.0 --hash=sha256:aa",
    ]


def test_extras_bring_their_optional_dependencies(tmp_path: Path) -> None:
    project = poetry_project("requests = {version = '^2', extras = ['socks']}")
    found = texts(own(tmp_path, {"poetry.lock": POETRY_1, "pyproject.toml": project}))
    assert [text.split("==")[0] for text in found] == ["colorama", "idna", "pysocks", "Requests"]


def test_a_poetry_2_lock_says_groups_and_markers_itself(tmp_path: Path) -> None:
    lock = """
[[package]]
name = "a"
version = "1"
groups = ["main", "dev"]
markers = "python_version < '3.12'"
[[package]]
name = "b"
version = "2"
groups = ["main"]
markers = {main = "os_name == 'posix'"}
[[package]]
name = "t"
version = "3"
groups = ["dev"]
[[package]]
name = "x"
version = "4"
optional = true
groups = ["main"]
"""
    found = own(tmp_path, {"poetry.lock": lock, "pyproject.toml": poetry_project("a = '*'")})
    assert texts(found) == ["a==1 ; python_version < '3.12'", "b==2 ; os_name == 'posix'"]


def test_a_lock_without_its_project_is_not_understood(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no pyproject\.toml beside it"):
        own(tmp_path, {"poetry.lock": POETRY_1})


def test_uv_lock_is_followed_from_the_project_and_keeps_forks_apart(tmp_path: Path) -> None:
    lock = """
[[package]]
name = "mine"
version = "0.1"
source = { virtual = "." }
dependencies = [
  { name = "numpy", version = "1.26", source = { registry = "p" }, marker = "python_full_version < '3.10'" },
  { name = "numpy", version = "2.1", source = { registry = "p" }, marker = "python_full_version >= '3.10'" },
  { name = "kit" },
]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "numpy"
version = "1.26"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://h/n1.whl", hash = "sha256:11" }]
[[package]]
name = "numpy"
version = "2.1"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://h/n2.tar.gz", hash = "sha256:22" }
[[package]]
name = "kit"
version = "1"
source = { git = "https://h/kit.git?rev=v1&subdirectory=py#c0ffee" }
[[package]]
name = "pytest"
version = "8"
source = { registry = "https://pypi.org/simple" }
"""
    assert texts(own(tmp_path, {"uv.lock": lock})) == [
        "kit @ git+https://h/kit.git@c0ffee#subdirectory=py",
        "numpy==1.26 ; (python_full_version < '3.10')",
        "numpy==2.1 ; (python_full_version >= '3.10')",
    ]


def test_pylock_is_read_flat(tmp_path: Path) -> None:
    lock = """
lock-version = "1.0"
[[packages]]
name = "a"
version = "1"
marker = "python_version < '4'"
wheels = [{ url = "https://h/a.whl", hashes = { sha256 = "aa" } }]
"""
    assert texts(own(tmp_path, {"pylock.toml": lock})) == ["a==1 ; python_version < '4' --hash=sha256:aa"]


def test_pyproject_gives_dependencies_of_both_forms(tmp_path: Path) -> None:
    project = """
[project]
dependencies = ["flask>=3 ; python_version > '3.8'", "kit[x]"]
[tool.uv.sources]
kit = { git = "https://h/kit.git", tag = "v1" }
"""
    assert texts(own(tmp_path, {"pyproject.toml": project})) == [
        "flask>=3 ; python_version > '3.8'",
        "kit @ git+https://h/kit.git@v1",
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("^1.2.3", ">=1.2.3,<2"), ("^0.2.3", ">=0.2.3,<0.3"), ("^0.0.3", ">=0.0.3,<0.0.4"), ("^1", ">=1,<2"),
        ("~1.2.3", ">=1.2.3,<1.3"), ("~1", ">=1,<2"), ("1.2.*", "==1.2.*"), ("1.2.3", "==1.2.3"), ("*", ""),
        (">=1,<2", ">=1,<2"), (">=1 <2", ">=1,<2"), ("^1 || ^2", ">=2,<3"),
    ],
)  # fmt: skip
def test_poetrys_constraints_in_pips_words(tmp_path: Path, written: str, read: str) -> None:
    assert texts(own(tmp_path, {"pyproject.toml": poetry_project(f"thing = '{written}'")})) == [f"thing{read}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile.lock", "{"), ("Pipfile.lock", "[]"), ("Pipfile.lock", '{"default": {"a": 3}}'),
        ("uv.lock", "[[package"), ("uv.lock", "[[package]]\nversion = '1'\n"),
        ("pyproject.toml", "project = 3"), ("pylock.toml", "packages = [3]"),
    ],
)  # fmt: skip
def test_damaged_files_are_one_sentence(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ManifestError, match="is not understood") as caught:
        own(tmp_path, {name: text})
    assert caught.value.file == str(tmp_path / name)


def test_a_pyproject_for_tools_alone_asks_for_nothing(tmp_path: Path) -> None:
    assert own(tmp_path, {"pyproject.toml": "[tool.black]\nline-length = 100\n"}) is None
