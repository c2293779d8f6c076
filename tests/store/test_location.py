"""Whose files the data folder's may be taken for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambdatui.errors import StoreError
from lambdatui.store.location import DATA_NAME, IGNORE, refuse_foreign


@pytest.mark.parametrize("own", ["state.db", "lock", "history.db"])
def test_a_folder_that_is_new_empty_or_ours_is_taken(tmp_path: Path, own: str) -> None:
    refuse_foreign(tmp_path / "new")
    data = tmp_path / "data"
    (data / "code" / "blobs").mkdir(parents=True)
    (data / own).touch()
    refuse_foreign(data)
    empty = tmp_path / "empty"
    empty.mkdir()
    refuse_foreign(empty)
    (empty / ".gitignore").write_text(IGNORE)
    (empty / "archives").mkdir()
    refuse_foreign(empty)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """`--data .`: the project's own archives/ and versions/ would be tidied away."""
    (tmp_path / "archives").mkdir()
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    with pytest.raises(StoreError, match="holds other files"):
        refuse_foreign(tmp_path)


@pytest.mark.parametrize("name", ["archives", "state.db", "engine.json.new", "code", "code/blobs"])
def test_links_within_it_are_refused(tmp_path: Path, name: str) -> None:
    """What is not in use any more below archives/ and code/blobs/ is removed."""
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    home.mkdir()
    (data / "lock").touch()
    if "/" in name:
        (data / "code").mkdir()
    (data / name).symlink_to(home)
    with pytest.raises(StoreError, match="remove it"):
        refuse_foreign(data)


def test_the_folder_itself_may_be_a_link_where_it_was_named_and_not_where_the_project_brings_it(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / DATA_NAME).symlink_to(tmp_path / "disk")
    with pytest.raises(StoreError, match="is a link"):
        refuse_foreign(tmp_path / DATA_NAME)
    (tmp_path / "mine").symlink_to(tmp_path / "disk")
    refuse_foreign(tmp_path / "mine")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    os.mkfifo(tmp_path / "history.db")
    with pytest.raises(StoreError, match="remove it"):
        refuse_foreign(tmp_path)
