"""Copies of folders that versions run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.engine.frozen import Frozen

SHA = "ab" * 32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside/data.json").write_text("old")
    return folder


def test_a_copy_stays_as_it_was(tmp_path: Path, root: Path) -> None:
    copy = Frozen(tmp_path / "data").copy(root, SHA)
    (root / "inside/data.json").write_text("new")
    assert (copy / "inside/data.json").read_text() == "old"
    assert Frozen(tmp_path / "data").copy(root, SHA) == copy
    assert (copy / "inside/data.json").read_text() == "old"


def test_what_no_deployment_package_holds_is_left_out(tmp_path: Path, root: Path) -> None:
    for name in (".git", "node_modules", "__pycache__", ".venv"):
        (root / name).mkdir()
    (root / "loop").symlink_to(root)
    (root / "broken").symlink_to(root / "nowhere")
    copy = Frozen(tmp_path / "data").copy(root, SHA)
    assert sorted(each.name for each in copy.iterdir()) == ["inside"]


def test_a_folder_that_is_not_there_is_an_empty_copy(tmp_path: Path) -> None:
    assert list(Frozen(tmp_path / "data").copy(tmp_path / "nowhere", SHA).iterdir()) == []


def test_a_layer_is_named_by_what_it_holds_now(tmp_path: Path, root: Path) -> None:
    frozen = Frozen(tmp_path / "data")
    before = frozen.content(str(root))
    assert frozen.content(str(root)) == before
    (root / "more.py").write_text("")
    assert frozen.content(str(root)) != before


def test_copies_that_no_version_uses_go(tmp_path: Path, root: Path) -> None:
    frozen = Frozen(tmp_path / "data")
    used, unused = frozen.copy(root, SHA), frozen.copy(root, "cd" * 32)
    frozen.tidy({str(used)})
    assert used.is_dir()
    assert not unused.exists()
