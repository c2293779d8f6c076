"""What `--aws` may name: profiles are found where the AWS CLI finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.config.aws_profiles import is_profile, profiles, region_of
from lambdatui.errors import UsageError

CONFIG = "[default]\nregion = eu-north-1\n[profile dev]\nregion = eu-west-1\n[profile  'two words' ]\n[sso-session x]\n"
CREDENTIALS = "[dev]\naws_access_key_id = A\n[only-keys]\naws_access_key_id = B\nregion = ap-south-1\n"


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(CONFIG)
    (tmp_path / ".aws/credentials").write_text(CREDENTIALS)
    return {"HOME": str(tmp_path)}


def test_profiles_are_those_of_both_files_with_their_regions(shell: dict[str, str]) -> None:
    assert profiles(shell) == {
        "default": "eu-north-1", "dev": "eu-west-1", "two words": None, "only-keys": "ap-south-1",
    }  # fmt: skip


def test_variables_may_name_other_files(shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "other").write_text("[profile elsewhere]\n")
    assert set(profiles({**shell, "AWS_CONFIG_FILE": str(tmp_path / "other")})) == {"elsewhere", "dev", "only-keys"}


def test_a_broken_or_missing_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"\xff[[[\n=")
    assert profiles({"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "broken")}) == {}


@pytest.mark.parametrize("aws", ["auto", "none", "http://127.0.0.1:5000", "https://localhost"])
def test_what_names_no_profile_has_no_region(aws: str) -> None:
    assert region_of(aws, {}) is None
    assert not is_profile(aws)


def test_a_profile_brings_its_region_and_an_unknown_one_is_refused_by_name(shell: dict[str, str]) -> None:
    assert region_of("dev", shell) == "eu-west-1"
    assert is_profile("dev")
    with pytest.raises(UsageError, match=r"--aws dve is none of auto, none, a URL .*: default, dev, only-keys"):
        region_of("dve", shell)
    with pytest.raises(UsageError, match="there is none here"):
        region_of("dev", {"HOME": "/nowhere"})
