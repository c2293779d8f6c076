"""Names of installations, command lines, and what an installer's output comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.config.manifests import Line, Manifest
from lambdatui.engine import packages
from lambdatui.engine.packages import Progress, Tool


def manifest(*lines: str, file: str = "/p/fn/requirements.txt") -> Manifest:
    return Manifest(file, tuple(Line(text, file, number) for number, text in enumerate(lines, 1)))


def test_equal_requirements_share_a_key_wherever_they_stand() -> None:
    one, other = manifest("flask==3"), manifest("flask==3", file="/elsewhere/requirements.txt")
    assert packages.key(one, "3.12", "linux") == packages.key(other, "3.12", "linux")


@pytest.mark.parametrize(
    ("lines", "python", "platform"),
    [(["flask==3", "x"], "3.12", "l"), (["flask==3"], "3.13", "l"), (["flask==3"], "3.12", "darwin")],
)
def test_other_lines_pythons_and_platforms_have_other_keys(lines: list[str], python: str, platform: str) -> None:
    assert packages.key(manifest(*lines), python, platform) != packages.key(manifest("flask==3"), "3.12", "l")


def test_a_local_packages_files_are_part_of_the_key(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text("x = 1\n")
    local = Manifest("/p/r.txt", (Line(str(tmp_path), "/p/r.txt", 1, str(tmp_path)),))
    before = packages.key(local, "3.12", "l")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "left.py").write_text("")
    assert packages.key(local, "3.12", "l") == before
    source.write_text("x = 10\n")
    assert packages.key(local, "3.12", "l") != before


def test_constraints_are_part_of_the_key() -> None:
    free = manifest("flask")
    bound = Manifest(free.file, free.lines, (Line("flask<3", "/p/c.txt", 1),))
    assert packages.key(free, "3.12", "l") != packages.key(bound, "3.12", "l")


def test_both_tools_get_the_functions_own_python_and_a_folder_of_their_own() -> None:
    uv = packages.command(Tool("uv", ("/u/uv",)), "/py/python3.12", "/t", "/r.txt", "/c.txt")
    assert uv[:5] == ["/u/uv", "pip", "install", "--python", "/py/python3.12"]
    assert (
        "--no-python-downloads" in uv
        and " --link-mode copy " in " ".join(uv)
        and uv[-4:] == ["--requirement", "/r.txt", "--constraint", "/c.txt"]
    )
    pip = packages.command(Tool("pip", ("/py/python3.12", "-m", "pip")), "/py/python3.12", "/t", "/r.txt", None)
    assert pip[:6] == ["/py/python3.12", "-m", "pip", "install", "--target", "/t"]
    assert pip[-2:] == ["--requirement", "/r.txt"]


def test_the_users_index_and_proxy_reach_the_installer_and_a_target_does_not() -> None:
    shell = {"PIP_INDEX_URL": "https://m/simple", "HTTPS_PROXY": "p", "PIP_TARGET": "/x", "VIRTUAL_ENV": "/v"}
    found = packages.variables(shell)
    assert found["PIP_INDEX_URL"] == "https://m/simple" and found["HTTPS_PROXY"] == "p"
    assert "PIP_TARGET" not in found and "VIRTUAL_ENV" not in found


PIP_SAYS = """Looking in indexes: https://m/simple
Collecting requests==2
ERROR: Could not find a version that satisfies the requirement Nosuch_Thing==9 (from versions: none)
ERROR: No matching distribution found for Nosuch_Thing==9
[notice] A new release of pip is available
"""
UV_SAYS = """Using CPython 3.13.0 interpreter at: /py
  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch-thing was not found in the package registry and you require
      nosuch-thing==9, we can conclude that your requirements are unsatisfiable.
"""


@pytest.mark.parametrize("output", [PIP_SAYS, UV_SAYS])
def test_a_failure_shows_the_resolvers_last_lines_and_the_line_it_speaks_of(output: str) -> None:
    asked = manifest("requests==2", "nosuch.thing==9")
    problem = packages.failure(asked, output.splitlines(), "/p/.lambdatui/packages/k.log", Path("/p"))
    assert (problem.severity, problem.file, problem.line) == ("error", "fn/requirements.txt", 2)
    assert "osuch" in problem.message and "notice" not in problem.message and "\n" not in problem.message
    assert problem.message.startswith("requirements.txt could not be installed: ")
    assert ".lambdatui/packages/k.log" in problem.remedy and "save" in problem.remedy


def test_a_network_that_is_down_is_not_blamed_on_the_file() -> None:
    output = ["WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'", "ERROR: no"]
    problem = packages.failure(manifest("x"), output, "/p/l", Path("/p"))
    assert "network" in problem.remedy and "next invocation" in problem.remedy


BUILD_SAYS = """  error: subprocess-exited-with-error

  × Running setup.py install for nosuch-thing did not run successfully.
  ╰─> [4 lines of output]
      running build
      copying typed/__init__.py -> build/lib/typed
      compilation terminated.
      error: command '/usr/bin/gcc' failed with exit code 1
      [end of output]

error: legacy-install-failure
"""


def test_a_build_that_fails_is_told_by_its_end() -> None:
    problem = packages.failure(manifest("requests==2", "nosuch.thing==9"), BUILD_SAYS.splitlines(), "/p/l", Path("/p"))
    assert "gcc' failed" in problem.message and "copying" not in problem.message and problem.line == 2


def test_long_output_is_cut() -> None:
    assert len(packages.last_words(["ERROR: " + "x" * 5000])) <= 400


def test_progress_counts_where_all_is_pinned() -> None:
    progress = Progress(3)
    for line in ("Collecting a==1 (from -r r.txt)", "  Downloading a.whl (3 kB)", "Collecting b==2"):
        progress.feed(line)
    assert progress.text == "b, 2 of 3"
    progress.feed("Installing collected packages: a, b, c")
    assert progress.text == "unpacking 3 packages"


def test_progress_without_pins_says_what_is_at_work() -> None:
    progress = Progress(None)
    progress.feed("Collecting urllib3<3,>=1.21")
    assert progress.text == "urllib3"
    progress.feed("Resolved 5 packages in 12ms")
    assert progress.text == "Resolved 5 packages in 12ms"


def test_unused_installations_go_after_a_month_and_beyond_the_last_few() -> None:
    day = 86_400.0
    used = {f"k{number}": 100 * day - number for number in range(10)}
    assert packages.outdated(used, ["k9"], 100 * day) == ["k5", "k6", "k7", "k8"]
    assert packages.outdated({"old": 0.0, "mine": 0.0}, ["mine"], 40 * day) == ["old"]
