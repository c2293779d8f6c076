"""Which packages a function asks for: the file beside its code that names them, read as lines of a requirements file.

Paths in the lines are absolute. Reads files only: what is installed from them, and how, is the engine's business.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from lambdatui.config import files, lockfiles
from lambdatui.config.finding import exists
from lambdatui.config.lockfiles import Pinned, as_mapping, as_text, is_path, without_scheme
from lambdatui.config.model import FunctionConfig, Problem

_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=|(?<=-r))(?P<name>\S.*)")
_CONSTRAIN = re.compile(r"(?:-c|--constraint)(?:\s+|=|(?<=-c))(?P<name>\S.*)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)(?P<name>\S.*)")
_LINKS = re.compile(r"(?P<option>-f|--find-links)(?:\s+|=)(?P<name>\S.*)")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_PYPI = "https://pypi.org/simple"


class Line(msgspec.Struct, frozen=True):
    """One requirement or option and where it stands. `local`: the folder or file that it installs."""

    text: str
    file: str
    line: int | None = None
    local: str | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What one file asks for. `files`: all that were read; a change of any may ask for something else."""

    file: str
    lines: tuple[Line, ...]
    constraints: tuple[Line, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.file).name

    @property
    def pinned(self) -> int | None:
        """How many packages will be installed, where the file names every one of them."""
        wanted = [one.text for one in self.lines if not one.text.startswith("-")]
        whole = self.name in ("Pipfile.lock", "poetry.lock", "uv.lock", "pylock.toml")
        return len(wanted) if whole or all("--hash=" in text for text in wanted) else None


class ManifestError(Exception):
    """A file that names packages cannot be read; the message is a sentence without the file's name."""

    def __init__(self, message: str, file: str, line: int | None, remedy: str) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.remedy = remedy

    def problem(self, root: Path, function: str | None) -> Problem:
        return Problem(
            severity="error", file=shown(self.file, root), line=self.line, message=str(self), remedy=self.remedy,
            function=function,
        )  # fmt: skip


def manifests_of(function: FunctionConfig) -> tuple[Manifest | None, tuple[tuple[str, Manifest], ...]]:
    """The function's own manifest, and with their layers those of its layers, in their order. Raises ManifestError."""
    if function.requirements is not None:
        own = _read(Path(function.requirements))
    else:
        own = None if function.inline_code is not None else manifest_of(Path(function.code_root))
    places = [(layer, folder) for layer in function.layers for folder in (Path(layer), Path(layer, "python"))]
    layers = [(layer, _first(folder, ("requirements.txt",))) for layer, folder in places]
    return own, tuple((layer, one) for layer, one in layers if one is not None)


def manifest_of(code: Path) -> Manifest | None:
    """What the code in a folder asks for. Raises ManifestError."""
    return _first(code, _READERS)


def shown(file: str, root: Path) -> str:
    """A path as it is shown: relative to the project where it lies in it."""
    return str(Path(file).relative_to(root)) if Path(file).is_relative_to(root) else file


def _first(folder: Path, names: Any) -> Manifest | None:
    for name in names:
        if exists(folder / name):
            found = _read(folder / name)
            if found is not None:
                return found
    return None


def _read(path: Path) -> Manifest | None:
    """What the file at `path` asks for; None where that is nothing."""
    reader = _READERS.get(path.name, _requirements)
    try:
        found = reader(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ManifestError(f"cannot be read: {reason}", str(path), None, "Name a file that is there.") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestError(
            f"is not understood: {error}", str(path), None, "Mend it, or write a requirements.txt beside it."
        ) from error
    return found if any(not line.text.startswith("-") for line in found.lines) else None


# --- requirements.txt


def _requirements(path: Path) -> Manifest:
    lines: list[Line] = []
    constraints: list[Line] = []
    files: list[str] = []
    _collect(path, lines, constraints, files)
    return Manifest(str(path), tuple(lines), tuple(constraints), tuple(files))


def _collect(path: Path, lines: list[Line], constraints: list[Line], files: list[str]) -> None:
    """Read a requirements file and those that it includes, each once."""
    files.append(str(path))
    for number, text in _logical_lines(path):
        for pattern, into in ((_INCLUDE, lines), (_CONSTRAIN, constraints)):
            match = pattern.fullmatch(text)
            if match is None or "://" in match["name"]:
                continue
            other = (path.parent / match["name"].strip("'\"")).resolve()
            if not other.is_file():
                raise ManifestError(f"names {match['name']}, which is not there", str(path), number, "Mend the line.")
            if str(other) not in files:
                _collect(other, into, constraints, files)
            break
        else:
            lines.append(_line(text, path, number))


def _logical_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers and lines: continued ones joined, comments and blank ones left out."""
    data = files.read(path)
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    joined, start = "", 0
    for number, raw in enumerate([*data.decode(encoding).splitlines(), ""], 1):
        start = start if joined else number
        if raw.endswith("\\") and not raw.lstrip().startswith("#"):
            joined += raw[:-1]
            continue
        text = " ".join(_COMMENT.sub("", joined + raw).split())
        joined = ""
        if text:
            yield start, text


def _line(text: str, path: Path, number: int) -> Line:
    links = _LINKS.fullmatch(text)
    if links is not None:
        folder = path.parent / links["name"]
        return Line(f"{links['option']} {folder}" if folder.exists() else text, str(path), number)
    editable = _EDITABLE.fullmatch(text)
    if editable is not None:  # what is installed is read-only: a link to the sources would change under its users
        text = editable["name"]
        egg = re.search(r"#egg=([\w.\[\],-]+)", text)
        if egg is not None and re.match(r"\w+\+", text):
            text = f"{egg[1]} @ {text}"
    if text.startswith("-") or not is_path(text):
        return Line(text, str(path), number)
    return _local(text, path, number)


def _local(text: str, path: Path, number: int | None = None) -> Line:
    """A line that installs a folder or an archive of this machine, beside it extras and a marker."""
    match = re.match(r"(?P<path>[^\[;\s]+)(?P<rest>.*)", without_scheme(text))
    assert match is not None
    target = (path.parent / match["path"]).resolve()
    if not target.exists():
        raise ManifestError(f"names {match['path']}, which is not there", str(path), number, "Mend the line.")
    return Line(f"{target}{match['rest']}", str(path), number, str(target))


# --- lock files


def _pinned(path: Path, pins: list[Pinned], *more: str) -> Manifest:
    """Lines for what a lock file pins; hashes only where all have them, as pip wants it."""
    hashed = all(pin.hashes for pin in pins)
    lines = [Line(option, str(path)) for option in more]
    for pin in pins:
        marker = f" ; {pin.marker}" if pin.marker else ""
        hashes = "".join(f" --hash={one}" for one in pin.hashes) if hashed else ""
        text = f"{pin.text}{marker}{hashes}"
        lines.append(_local(text, path) if pin.local else Line(text, str(path)))
    return Manifest(str(path), tuple(lines), (), (str(path),))


def _pipfile_lock(path: Path) -> Manifest:
    document = as_mapping(json.loads(files.read(path, files.MAX_LOCK_BYTES)))
    sources = [
        as_text(one.get("url")) for one in as_mapping(document.get("_meta")).get("sources", []) if isinstance(one, dict)
    ]
    return _pinned(path, lockfiles.pipfile(document), *_indexes(sources))


def _poetry_lock(path: Path) -> Manifest:
    project = path.parent / "pyproject.toml"
    if not project.is_file():
        raise ValueError("there is no pyproject.toml beside it")
    pins, indexes = lockfiles.poetry(_toml(path), _toml(project))
    found = _pinned(path, pins, *_indexes(indexes))
    return Manifest(found.file, found.lines, (), (str(path), str(project)))


def _uv_lock(path: Path) -> Manifest:
    pins, indexes = lockfiles.uv(_toml(path))
    return _pinned(path, pins, *_indexes(indexes))


def _pylock(path: Path) -> Manifest:
    pins, indexes = lockfiles.pylock(_toml(path))
    return _pinned(path, pins, *_indexes(indexes))


def _pyproject(path: Path) -> Manifest:
    return _pinned(path, lockfiles.pyproject(_toml(path)))


def _indexes(urls: list[str]) -> list[str]:
    """Options for package indexes; PyPI itself is left to the user's own settings, which may name a mirror."""
    found = dict.fromkeys(url.rstrip("/") for url in urls if url)
    others = [url for url in found if url not in (_PYPI, "https://pypi.python.org/simple")]
    if len(others) == len(found) and others:
        return [f"--index-url {others[0]}", *(f"--extra-index-url {url}" for url in others[1:])]
    return [f"--extra-index-url {url}" for url in others]


def _toml(path: Path) -> dict[str, Any]:
    import tomllib  # for projects of poetry and uv

    return tomllib.loads(files.read(path, files.MAX_LOCK_BYTES).decode())


# In the order of preference.
_READERS: dict[str, Callable[[Path], Manifest]] = {
    "requirements.txt": _requirements,
    "Pipfile.lock": _pipfile_lock,
    "poetry.lock": _poetry_lock,
    "uv.lock": _uv_lock,
    "pylock.toml": _pylock,
    "pyproject.toml": _pyproject,
}
