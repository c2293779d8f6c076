"""The profiles of the user's own AWS files: their names and regions. Their credentials are botocore's business."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from lambdatui.errors import UsageError

_PREFIX = "profile "


def profiles(shell: Mapping[str, str]) -> dict[str, str | None]:
    """Name -> region, None where it has none. `shell`: the user's variables, which may name other files.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
    """
    folder = Path(shell.get("HOME") or "~", ".aws").expanduser()
    found = _sections(Path(shell.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials"))
    for section, region in _sections(Path(shell.get("AWS_CONFIG_FILE") or folder / "config")).items():
        if section == "default" or section.startswith(_PREFIX):
            name = section.removeprefix(_PREFIX).strip().strip("\"'")
            found[name] = region or found.get(name)
    return found


def region_of(aws: str, shell: Mapping[str, str]) -> str | None:
    """The region of the profile that `--aws` names; None where it names none.

    Raises UsageError where `aws` is none of auto, none, a URL and a profile.
    """
    if aws in ("auto", "none") or aws.startswith(("http://", "https://")):
        return None
    known = profiles(shell)
    if aws not in known:
        names = f": {', '.join(sorted(known))}" if known else ", and there is none here"
        raise UsageError(
            f"--aws {aws} is none of auto, none, a URL such as http://127.0.0.1:5000 and a profile of your AWS "
            f"files{names}"
        )
    return known[aws]


def is_profile(aws: str) -> bool:
    """Whether `--aws` names a profile, which `region_of` has checked."""
    return aws not in ("auto", "none") and not aws.startswith(("http://", "https://"))


def _sections(path: Path) -> dict[str, str | None]:
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read_string(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return {}
    return {section: parser.get(section, "region", fallback=None) for section in parser.sections()}
