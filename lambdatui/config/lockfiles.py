"""What Pipfile.lock, poetry.lock, uv.lock, pylock.toml and pyproject.toml pin for running a project, without its tool.

Pure: from parsed documents to requirements. Development groups and extras of the project itself are left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class Pinned(msgspec.Struct, frozen=True):
    """One requirement in pip's words ("requests[socks]==2.32.0", "name @ git+https://…", a path)."""

    text: str
    marker: str = ""
    hashes: tuple[str, ...] = ()  # "sha256:…"
    local: bool = False


class _Edge(msgspec.Struct, frozen=True):
    to: str
    marker: str = ""
    extras: tuple[str, ...] = ()


class _Node(msgspec.Struct):
    pin: Pinned
    edges: list[_Edge] = []
    extras: dict[str, list[_Edge]] = {}


def is_path(text: str) -> bool:
    """Whether a requirement is a folder or a file of this machine."""
    place = re.split(r"[\[;\s]", without_scheme(text), maxsplit=1)[0]
    if "://" in place or " @ " in text:
        return False
    return place.startswith(".") or "/" in place or place.endswith(_ARCHIVES)


def without_scheme(text: str) -> str:
    """ "./pkg" from "file:./pkg", "/pkg" from "file:///pkg"."""
    return text.removeprefix("file://").removeprefix("file:")


# --- Pipfile.lock


def pipfile(document: Mapping[str, Any]) -> list[Pinned]:
    """The section `default`, which is whole."""
    return [_from_table(name, as_mapping(each)) for name, each in as_mapping(document.get("default")).items()]


# --- poetry.lock


def poetry(lock: Mapping[str, Any], project: Mapping[str, Any]) -> tuple[list[Pinned], list[str]]:
    """Pins and their indexes. Poetry 2 writes groups and markers down; before that they follow from the graph."""
    packages = [as_mapping(each) for each in lock.get("package", [])]
    hashes = as_mapping(as_mapping(lock.get("metadata")).get("files"))
    indexes = [
        as_text(as_mapping(one.get("source")).get("url"))
        for one in packages
        if as_mapping(one.get("source")).get("type") == "legacy"
    ]
    if any("groups" in one for one in packages):
        chosen = [one for one in packages if "main" in one.get("groups", ()) and not one.get("optional")]
        return [_poetry_pin(one, hashes, _group_marker(one.get("markers"))) for one in chosen], indexes
    nodes: dict[str, _Node] = {}
    for one in packages:
        name = canonical(one["name"])
        if name in nodes:
            raise ValueError(
                f"it pins several versions of {one['name']}; lock again with Poetry 2, which says for what"
            )
        extras, required = _poetry_extras(one), _poetry_edges(as_mapping(one.get("dependencies")))
        nodes[name] = _Node(
            _poetry_pin(one, hashes), [edge for edge, optional in required if not optional],
            {extra: [edge for edge, _ in required if edge.to in names] for extra, names in extras.items()},
        )  # fmt: skip
    return _reach(_project_edges(project), nodes), indexes


def _poetry_pin(one: Mapping[str, Any], old_hashes: Mapping[str, Any], marker: str = "") -> Pinned:
    source = as_mapping(one.get("source"))
    name, url = as_text(one["name"]), as_text(source.get("url"))
    match source.get("type"):
        case "git":
            reference = source.get("resolved_reference") or source.get("reference")
            folder = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
            return Pinned(f"{name} @ git+{url}@{reference}{folder}", marker)
        case "url":
            return Pinned(f"{name} @ {url}", marker, _hashes(one.get("files")))
        case "directory" | "file":
            return Pinned(_as_path(url), marker, local=True)
    files = one.get("files") or old_hashes.get(name)
    return Pinned(f"{name}=={one['version']}", marker, _hashes(files))


def _poetry_edges(dependencies: Mapping[str, Any]) -> list[tuple[_Edge, bool]]:
    found = []
    for name, specs in dependencies.items():
        for spec in specs if isinstance(specs, list) else [specs]:
            table = as_mapping(spec) if isinstance(spec, dict) else {}
            edge = _Edge(canonical(name), as_text(table.get("markers")), tuple(table.get("extras", ())))
            found.append((edge, bool(table.get("optional"))))
    return found


def _poetry_extras(one: Mapping[str, Any]) -> dict[str, set[str]]:
    extras = as_mapping(one.get("extras"))
    return {
        extra: {canonical(re.split(r"[\s\[(<>=!~;]", text)[0]) for text in names} for extra, names in extras.items()
    }


def _group_marker(markers: object) -> str:
    return as_text(markers.get("main") if isinstance(markers, dict) else markers)


def _project_edges(project: Mapping[str, Any]) -> list[_Edge]:
    pins = pyproject(project)
    found = []
    for pin in pins:
        match = re.match(r"(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^]]*)\])?", pin.text)
        if match is not None and not pin.local:
            extras = tuple(filter(None, re.split(r"\s*,\s*", match["extras"] or "")))
            found.append(_Edge(canonical(match["name"]), pin.marker, extras))
    table = _poetry_table(project)
    found += [_Edge(canonical(name)) for name, spec in table.items() if isinstance(spec, dict) and "path" in spec]
    return found


# --- uv.lock


def uv(lock: Mapping[str, Any]) -> tuple[list[Pinned], list[str]]:
    """Pins that the project itself (the package whose source is this folder) needs, and their indexes."""
    packages = [as_mapping(each) for each in lock.get("package", [])]
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for one in packages:
        by_name[one["name"]].append(_uv_key(one))

    def edges(dependencies: Iterable[Mapping[str, Any]]) -> list[_Edge]:
        found = []
        for each in dependencies:
            keys = [f"{each['name']}=={each['version']}"] if "version" in each else by_name[each["name"]]
            found += [_Edge(key, as_text(each.get("marker")), tuple(each.get("extra", ()))) for key in keys]
        return found

    nodes: dict[str, _Node] = {}
    roots: list[_Edge] = []
    for one in packages:
        source = as_mapping(one.get("source"))
        own = edges(one.get("dependencies", []))
        if "." in (source.get("editable"), source.get("virtual"), source.get("directory")):
            roots += own
            nodes[_uv_key(one)] = _Node(Pinned(""), own)
            continue
        extras = {name: edges(each) for name, each in as_mapping(one.get("optional-dependencies")).items()}
        nodes[_uv_key(one)] = _Node(_uv_pin(one, source), own, extras)
    indexes = [as_text(as_mapping(one.get("source")).get("registry")) for one in packages]
    return [pin for pin in _reach(roots, nodes) if pin.text], [url for url in indexes if "://" in url]


def _uv_key(one: Mapping[str, Any]) -> str:
    return f"{one['name']}=={one.get('version', '')}"


def _uv_pin(one: Mapping[str, Any], source: Mapping[str, Any]) -> Pinned:
    name = as_text(one["name"])
    files = [as_mapping(one.get("sdist")), *map(as_mapping, one.get("wheels", []))]
    hashes = tuple(as_text(file["hash"]) for file in files if "hash" in file)
    if "git" in source:
        parts = urlsplit(source["git"])
        folder = "".join(f"#subdirectory={each}" for each in parse_qs(parts.query).get("subdirectory", []))
        base = parts._replace(query="", fragment="").geturl()
        return Pinned(f"{name} @ git+{base}@{parts.fragment}{folder}")
    if "url" in source:
        return Pinned(f"{name} @ {source['url']}", hashes=hashes)
    for kind in ("editable", "directory", "virtual", "path"):
        if kind in source:
            return Pinned(_as_path(source[kind]), local=True)
    return Pinned(f"{name}=={one['version']}", hashes=hashes)


# --- pylock.toml (PEP 751)


def pylock(lock: Mapping[str, Any]) -> tuple[list[Pinned], list[str]]:
    """Pins and indexes; the file is flat."""
    packages = [as_mapping(each) for each in lock.get("packages", [])]
    return [_pylock_pin(one) for one in packages], [as_text(one.get("index")) for one in packages]


def _pylock_pin(one: Mapping[str, Any]) -> Pinned:
    name, marker = as_text(one["name"]), as_text(one.get("marker"))
    if "vcs" in one:
        vcs = as_mapping(one["vcs"])
        return Pinned(f"{name} @ {vcs.get('type', 'git')}+{vcs.get('url') or vcs['path']}@{vcs['commit-id']}", marker)
    if "directory" in one:
        return Pinned(_as_path(one["directory"]["path"]), marker, local=True)
    archive = as_mapping(one.get("archive"))
    if archive:
        if "url" not in archive:
            return Pinned(_as_path(archive["path"]), marker, local=True)
        return Pinned(f"{name} @ {archive['url']}", marker, _table_hashes([archive]))
    files = [as_mapping(one.get("sdist")), *map(as_mapping, one.get("wheels", []))]
    return Pinned(f"{name}=={one['version']}", marker, _table_hashes(files))


def _table_hashes(files: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(f"{kind}:{value}" for file in files for kind, value in as_mapping(file.get("hashes")).items())


# --- pyproject.toml


def pyproject(document: Mapping[str, Any]) -> list[Pinned]:
    """`[project] dependencies` and `[tool.poetry.dependencies]`; what `[tool.uv.sources]` says of them counts."""
    sources = as_mapping(as_mapping(as_mapping(document.get("tool")).get("uv")).get("sources"))
    places = {canonical(name): as_mapping(each) for name, each in sources.items() if isinstance(each, dict)}
    found = []
    for text in as_mapping(document.get("project")).get("dependencies", []):
        requirement, _, marker = as_text(text).partition(";")
        name = re.split(r"[\s\[(<>=!~@]", requirement.strip())[0]
        place = places.get(canonical(name), {})
        if place.keys() & {"git", "path", "url"}:
            found.append(_from_table(name, {**place, "markers": marker.strip()}))
        else:
            found.append(Pinned(requirement.strip(), marker.strip()))
    named = {canonical(re.split(r"[\s\[(<>=!~@]", pin.text)[0]) for pin in found}
    for name, specs in _poetry_table(document).items():
        if canonical(name) not in (*named, "python"):
            for spec in specs if isinstance(specs, list) else [specs]:
                table = spec if isinstance(spec, dict) else {"version": spec}
                if not table.get("optional"):
                    found.append(_from_table(name, table))
    return found


def _poetry_table(document: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = as_mapping(document.get("tool"))
    return as_mapping(as_mapping(tool.get("poetry")).get("dependencies"))


def _from_table(name: str, table: Mapping[str, Any]) -> Pinned:
    """One requirement in the form that Pipfile, Poetry and uv share."""
    marker = " and ".join(f"({each})" for each in _markers(table))
    extras = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
    folder = f"#subdirectory={table['subdirectory']}" if table.get("subdirectory") else ""
    if "git" in table:
        reference = next((table[key] for key in ("ref", "rev", "tag", "branch") if table.get(key)), "HEAD")
        url = as_text(table["git"])
        url = url if url.startswith("git+") else f"git+{url}"
        return Pinned(f"{name}{extras} @ {url}@{reference}{folder}", marker)
    place = as_text(table.get("path") or table.get("file"))
    if place and "://" not in place:
        return Pinned(_as_path(place) + extras, marker, local=True)
    if place or table.get("url"):
        return Pinned(f"{name}{extras} @ {place or table['url']}{folder}", marker, _hashes(table.get("hashes")))
    return Pinned(f"{name}{extras}{specifier(as_text(table.get('version')))}", marker, _hashes(table.get("hashes")))


def _markers(table: Mapping[str, Any]) -> list[str]:
    found = [as_text(table[key]) for key in ("markers", "marker") if table.get(key)]
    if table.get("python"):
        found += [f"python_version {each}" for each in _quoted(specifier(as_text(table["python"])))]
    if table.get("platform"):
        found.append(f"sys_platform == '{table['platform']}'")
    return found


def _quoted(text: str) -> list[str]:
    """ ">=3.8,<3.12" -> [">= '3.8'", "< '3.12'"]; versions are cut to the two numbers that `python_version` has."""
    pairs = re.findall(r"(<=|>=|==|!=|~=|<|>)\s*(\d+(?:\.\d+)?)", text)
    return [f"{operator} '{version if '.' in version else version + '.0'}'" for operator, version in pairs]


def specifier(constraint: str) -> str:
    """A version constraint of Poetry's as PEP 440 has it: "^1.2" -> ">=1.2,<2". Of alternatives (||) the last."""
    parts = re.split(r"\s*,\s*|\s+(?=[<>=!~^])", constraint.rpartition("||")[2].strip())
    return ",".join(filter(None, map(_one_specifier, parts)))


def _one_specifier(text: str) -> str:
    text = re.sub(r"\s+", "", text)
    if text in ("", "*"):
        return ""
    match = re.fullmatch(r"(?P<kind>\^|~)(?P<version>v?\d+(\.\d+)*)(?P<rest>.*)", text)
    if match is None:
        return text if text[0] in "<>=!~" else f"=={text}"
    numbers = [int(number) for number in match["version"].lstrip("v").split(".")]
    if match["kind"] == "~":
        at = min(1, len(numbers) - 1)
    else:
        at = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    above = [*numbers[:at], numbers[at] + 1]
    return f">={match['version']}{match['rest']},<{'.'.join(map(str, above))}"


# --- the graph


def _reach(roots: Sequence[_Edge], nodes: Mapping[str, _Node]) -> list[Pinned]:
    """What the roots need, each with the condition under which: alternatives of markers that must hold together."""
    conditions: dict[str, set[frozenset[str]]] = {}
    waiting: list[tuple[str, str | None, frozenset[str]]] = []
    seen: defaultdict[tuple[str, str | None], set[frozenset[str]]] = defaultdict(set)

    def follow(edges: Iterable[_Edge], condition: frozenset[str]) -> None:
        for edge in edges:
            own = condition | {edge.marker} if edge.marker else condition
            waiting.extend((edge.to, extra, own) for extra in (None, *edge.extras))

    follow(roots, frozenset())
    while waiting:
        name, extra, condition = waiting.pop()
        node, known = nodes.get(name), seen[name, extra]
        if node is None or any(other <= condition for other in known):
            continue
        known -= {other for other in known if condition < other}
        known.add(condition)
        if extra is None:
            conditions[name] = known
            follow(node.edges, condition)
        else:
            follow(node.extras.get(extra, ()), condition)
    return [msgspec.structs.replace(nodes[name].pin, marker=_any_of(conditions[name])) for name in sorted(conditions)]


def _any_of(alternatives: Iterable[frozenset[str]]) -> str:
    texts = sorted(" and ".join(f"({marker})" for marker in sorted(all_of)) for all_of in alternatives)
    if "" in texts:
        return ""
    return texts[0] if len(texts) == 1 else " or ".join(f"({text})" for text in texts)


# --- values


def canonical(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def as_mapping(value: object) -> dict[str, Any]:
    """A table; an empty one for nothing. TypeError for what should have been one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"a table was expected where {value!r:.40} stands")
    return value


def as_text(value: object) -> str:
    return "" if value is None else str(value)


def _as_path(text: str) -> str:
    return text if text.startswith((".", "/")) else f"./{text}"


def _hashes(files: object) -> tuple[str, ...]:
    """Of a list of hashes, or of Poetry's {"file", "hash"} tables."""
    if not isinstance(files, list):
        return ()
    return tuple(as_text(each["hash"] if isinstance(each, dict) else each) for each in files)
