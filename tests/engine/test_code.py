"""Code trees: content decides, never a time stamp."""

import os
import resource
from pathlib import Path

import pytest

from lambdatui.engine.code import CodeTree, compile_error
from lambdatui.engine.observed import cover, relevant


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_same_size_edit_with_the_same_times_is_seen_when_it_was_touched(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    write(file, "x = 1\n")
    tree = CodeTree(tmp_path)
    tree.scan()
    stat, before = file.stat(), tree.sha
    write(file, "x = 2\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert tree.scan([str(file)]) == ["app.py"]
    assert tree.sha != before
    assert tree.source("app.py") == b"x = 2\n"


def test_a_save_of_the_same_content_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "app.py", "x = 1\n")
    tree = CodeTree(tmp_path)
    tree.scan()
    write(tmp_path / "app.py", "x = 1\n")
    assert tree.scan([str(tmp_path / "app.py")]) == []


def test_data_files_count_and_caches_do_not(tmp_path: Path) -> None:
    write(tmp_path / "app.py", "")
    write(tmp_path / "prices.json", "{}")
    write(tmp_path / "__pycache__" / "app.cpython-311.pyc", "")
    write(tmp_path / ".venv" / "lib" / "x.py", "")
    write(tmp_path / "app.py~", "")
    tree = CodeTree(tmp_path)
    assert tree.scan() == ["app.py", "prices.json"]
    assert list(tree.manifest) == ["app.py"], "only sources are kept for environments"
    write(tmp_path / "prices.json", "[]")
    assert tree.scan([str(tmp_path / "prices.json")]) == ["prices.json"]


def test_inline_code_is_a_tree_of_one_file(tmp_path: Path) -> None:
    tree = CodeTree(tmp_path / "nowhere", "def handler(e, c): ...")
    assert tree.scan() == ["index.py"]
    assert tree.source("index.py") == b"def handler(e, c): ..."


def test_a_syntax_error_has_a_line() -> None:
    assert compile_error(b"x = 1\ny = = 2\n", "app.py") == (2, "invalid syntax")
    assert compile_error(b"x = 1\n", "app.py") is None
    assert compile_error(b"x\0", "app.py") is not None


def test_a_tree_without_heavy_folders_is_one_watch(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / ".lambdatui").mkdir()
    assert cover(tmp_path) == {(str(tmp_path), True)}


def test_a_virtual_environment_is_left_out_of_the_watch(tmp_path: Path) -> None:
    (tmp_path / "src" / "lib").mkdir(parents=True)
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    assert cover(tmp_path) == {(str(tmp_path), False), (str(tmp_path / "src"), True)}


def test_changes_in_ignored_folders_do_not_matter() -> None:
    assert relevant("app.py", is_folder=False)
    assert not relevant(".git/index", is_folder=False)
    assert not relevant("pkg/__pycache__/x.pyc", is_folder=False)
    assert not relevant(".app.py.swp", is_folder=False)


def test_a_linked_package_is_part_of_the_code_and_a_circle_of_links_ends(tmp_path: Path) -> None:
    write(tmp_path / "shared" / "pk" / "__init__.py", "x = 1\n")
    write(tmp_path / "fn" / "app.py", "import pk\n")
    (tmp_path / "fn" / "pk").symlink_to(tmp_path / "shared" / "pk")
    (tmp_path / "shared" / "pk" / "again").symlink_to(tmp_path / "shared" / "pk")
    tree = CodeTree(tmp_path / "fn")
    assert tree.scan() == ["app.py", "pk/__init__.py"]


def test_files_that_no_descriptor_was_left_for_are_not_gone(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    tree = CodeTree(tmp_path)
    tree.scan()
    sha = tree.sha
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            tree.scan()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert tree.sha == sha
    assert tree.scan() == []
