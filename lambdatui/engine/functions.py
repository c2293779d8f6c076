"""One function as it is served now: configuration with overrides, code snapshot, problems, and the way to start it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

import lambdatui
from lambdatui.config.manifests import Manifest
from lambdatui.config.model import FunctionConfig, Problem
from lambdatui.config.pythons import runtime_notice
from lambdatui.engine.environment import Launch, Tmp
from lambdatui.engine.installer import Installation, State
from lambdatui.engine.interpreters import Boto3, Interpreter
from lambdatui.engine.libraries import Parts
from lambdatui.engine.model import LATEST as LATEST
from lambdatui.engine.provision import Need, Plan
from lambdatui.engine.tmp import TMP, below_tmp
from lambdatui.engine.variables import CERTIFICATES, Surroundings, build, log_group, log_stream, owners
from lambdatui.engine.view import view
from lambdatui.store.records import LogStream

START_SCRIPT = str(Path(lambdatui.__file__).parent / "runtime" / "start.py")


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A function's code at one moment: named by content, its sources kept in the data directory."""

    sha: str
    manifest: str | None  # path of the manifest that environments load from
    changed_us: int = 0
    size: int = 0  # bytes of all files
    modified_us: int = 0  # of the newest file


class Function:
    """A function and its present state. Changed only by the registry and by the reloader, on the loop.

    A published version is one of its own, whose configuration and code stay what they were (`versions.py`).
    """

    def __init__(
        self,
        declared: FunctionConfig,
        arn: str,
        around: Surroundings,
        data: Path,
        status: Callable[[Function], str],
        version: str = LATEST,
    ) -> None:
        self.declared = declared
        self.config = declared
        self.arn = arn
        self.overrides: dict[str, str] = {}
        self.code_problems: list[Problem] = []  # from the last save: syntax, handler
        self.init_problem: Problem | None = None  # from the last init: an import that failed
        self.snapshot: Snapshot | None = None
        self.interpreter: Interpreter | None = None
        self.boto3: Boto3 | None = None
        self.needs: tuple[Need, ...] = ()  # what names its packages, then its layers
        self.installations: tuple[Installation, ...] = ()  # one for each need
        self.manifest_problem: Problem | None = None  # the file that names its packages cannot be read
        self.version = version
        self.plan: Plan | None = None  # of a published version: the Python and packages that it was published with
        self.changed_us = 0  # when API or screen changed its configuration last, in this engine's life
        self.outside_changes = 0  # saves of project files outside the code folder that it imports
        self.latest: Function = self  # of a version: the function that it was published from
        self.failing = False  # its latest invocation failed
        self.failed_sha = ""  # the code whose error was said last
        self.seen_errors: set[tuple[str, str]] = set()  # code and type of the errors that were said since the last save
        self.throttled_at = 0.0  # monotonic seconds of the latest throttle
        self.last_error: str | None = None
        self.settled = asyncio.Event()  # cleared while a save is being read: invocations wait for the new code
        self._around = around
        self._data = data
        self._status = status
        self._tmp_of: tuple[tuple[str, int], Tmp | None] = (("", 0), None)  # the last answer, and what it was for
        self._made_of: tuple[object, ...] = ()
        self._generation = ""

    # --- a Blueprint

    @property
    def key(self) -> str:
        """Names it among functions and their versions: "NAME", "NAME:3"."""
        return self.config.name if self.version == LATEST else f"{self.config.name}:{self.version}"

    @property
    def generation(self) -> str:
        """Names code and configuration together; environments of another generation are outdated."""
        config = self.config
        made_of = self.snapshot, config, self.installations, self.interpreter, self.outside_changes
        if made_of != self._made_of:  # of frozen objects: as long as they are the same ones it costs nothing
            text = msgspec.json.encode((
                self.code_sha, config.handler, config.memory, config.runtime, sorted(config.environment.items()),
                config.code_root, config.layers, [one.key for one in self.installations], self.interpreter,
                self.outside_changes,
            ))  # fmt: skip
            self._made_of, self._generation = made_of, hashlib.sha256(text).hexdigest()[:16]
        return self._generation

    def build(self, environment_id: str, *, private_tmp: bool) -> Launch:
        assert self.interpreter is not None and self.snapshot is not None
        stream = log_stream(self.config, self.version, environment_id, time.strftime("%Y/%m/%d", time.gmtime()))
        generation, python = self.generation, self.interpreter
        tmp = self._tmp(generation) if private_tmp else None
        cwd = self.config.code_root if Path(self.config.code_root).is_dir() else None
        home = None if tmp and cwd else self._home(environment_id)
        own = None if tmp else home
        return Launch(
            id=environment_id,
            function=self.config.name,
            version=self.version,
            generation=generation,
            code_sha=self.code_sha,
            home=home,
            log_stream=LogStream(self.log_group, stream),
            runtime=f"python:{python.version}.v0",  # AWS counts the releases of its runtimes; this is none of them
            runtime_arn=self.runtime_arn,
            argv=(python.path, *python.flags, START_SCRIPT),
            variables=self._library_path() | build(
                self.config, self._around, version=self.version, python=python.version, path=self._path(),
                stream=stream, home=own, mark=environment_id,
            ),
            cwd=cwd or home or TMP,
            start=self._start(),
            memory_mb=self.config.memory,
            tmp=tmp,
            parts=self._parts(own),
        )  # fmt: skip

    def _home(self, environment_id: str) -> str:
        """A folder of an environment's own, made."""
        folder = self._data / "tmp" / environment_id
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        return str(folder)

    def _parts(self, home: str | None) -> Parts:
        """What of it a library zygote may be shared by."""
        sites = [one.site for one in self.installations]
        path = self._packages_path()
        folders = [self.config.code_root, *(each for each in path if each not in sites), *self._own_path()]
        of_function, of_environment = owners(self.config, home)
        return Parts(
            sites=tuple(each for each in path if each in sites),
            folders=tuple(folders),
            of_function=of_function,
            of_environment=of_environment,
            root=self._around.root,
            virtual_env=self.interpreter.virtual_env if self.interpreter else None,
            outside_changes=self.outside_changes,
        )

    def _tmp(self, generation: str) -> Tmp | None:
        """A /tmp of its own, unless the project is all of /tmp. What it needs may lie below.

        Links are followed once a generation: a millisecond of each cold start.
        """
        key = (generation, self.config.ephemeral_storage)
        if self._tmp_of[0] != key:
            self._tmp_of = (key, self._tmp_now())
        return self._tmp_of[1]

    def _tmp_now(self) -> Tmp | None:
        assert self.interpreter is not None
        needed = [self._around.root, str(self._data), self.config.code_root, *self.config.layers]
        needed += self._packages_path()
        python = Path(self.interpreter.path)
        needed += [str(python.parents[1]), str(python.resolve().parents[1]), str(Path(lambdatui.__file__).parent)]
        needed += self._own_path()
        needed += [path for name in CERTIFICATES if (path := self._around.shell.get(name))]
        if self.boto3 is not None:
            needed.append(self.boto3.path)
        keep = below_tmp(needed)
        return None if keep is None else Tmp(mb=self.config.ephemeral_storage, keep=keep, view=self._view())

    def _view(self) -> tuple[tuple[str, str], ...]:
        assert self.interpreter is not None
        virtual_env, home = self.interpreter.virtual_env, self._around.shell.get("HOME")
        return view(
            root=self._around.root,
            data=self._data,
            code_root=self.config.code_root if self.config.inline_code is None else None,
            used=[
                *self.config.layers,
                *self._packages_path(),
                *self._own_path(),
                *([virtual_env] if virtual_env else []),
                *([] if Path(self.config.code_root).is_dir() else [str(self._data / "tmp" / "any")]),
            ],
            aws_files=str(Path(home, ".aws")) if home else None,
        )

    def _path(self) -> str:
        virtual_env = self.interpreter.virtual_env if self.interpreter else None
        folders = [f"{virtual_env}/bin"] if virtual_env else []
        folders += [f"{one.site}/bin" for one in self.installations] + [f"{layer}/bin" for layer in self.config.layers]
        return os.pathsep.join([*folders, self._around.shell.get("PATH", os.defpath)])

    def _library_path(self) -> dict[str, str]:
        """Layers' `lib`, as /opt/lib on Lambda."""
        folders = [f"{layer}/lib" for layer in self.config.layers if Path(layer, "lib").is_dir()]
        return {"LD_LIBRARY_PATH": os.pathsep.join(folders)} if folders else {}

    def _packages_path(self) -> list[str]:
        """What comes behind the code on sys.path: its own packages, which a deployment would hold, then its layers.

        A layer is unpacked to /opt: `python/lib/python3.X/site-packages` and `python` are on the path there. A folder
        without `python` stands for the latter.
        """
        assert self.interpreter is not None
        pairs = list(zip(self.needs, self.installations, strict=True))
        sites = [(need.layer, one.site) for need, one in pairs if not need.optional]
        found = [site for owner, site in sites if owner is None]
        for layer in self.config.layers:
            python = Path(layer, "python")
            versioned = Path(python, "lib", f"python{self.interpreter.version}", "site-packages")
            folders = (versioned, python if python.is_dir() else Path(layer))
            found += [str(folder) for folder in folders if folder.is_dir()]
            found += [site for owner, site in sites if owner == layer]
        found += [one.site for need, one in pairs if need.optional]
        return list(dict.fromkeys(found))

    def _own_path(self) -> list[str]:
        """What the function's own PYTHONPATH adds."""
        return [entry for entry in self.config.environment.get("PYTHONPATH", "").split(os.pathsep) if entry]

    def _start(self) -> dict[str, object]:
        """The START frame's payload; see `lambdatui.wire`."""
        assert self.snapshot is not None
        return {
            "handler": self.config.handler,
            "code_root": self.config.code_root,
            "manifest": self.snapshot.manifest,
            "bytecode": str(self._data / "code" / "bytecode"),
            "packages": self._packages_path(),
            "sys_path": self._own_path(),
            "fallback": None if self.boto3 is None else {"path": self.boto3.path, "modules": self.boto3.modules},
        }

    # --- what others ask

    @property
    def runtime_arn(self) -> str:
        """Stands for the ARN of a runtime's release: it tells one local Python from another."""
        text = msgspec.json.encode([self.config.runtime, self.interpreter])
        return f"arn:aws:lambda:{self._around.region}::runtime:{hashlib.sha256(text).hexdigest()}"

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def log_group(self) -> str:
        return log_group(self.config)

    @property
    def loaded(self) -> bool:
        """Whether its code has been read and its Python chosen."""
        return self.snapshot is not None and self.interpreter is not None

    @property
    def code_sha(self) -> str:
        return self.snapshot.sha if self.snapshot else ""

    @property
    def code_size(self) -> int:
        """Bytes of its files."""
        return self.snapshot.size if self.snapshot else 0

    @property
    def modified_us(self) -> int:
        """When its newest file was written, or its configuration was changed by API or screen."""
        return max(self.snapshot.modified_us if self.snapshot else 0, self.changed_us)

    @property
    def revision(self) -> str:
        """RevisionId: another one for other code or another configuration, the same after a restart."""
        config = msgspec.structs.replace(self.config, inline_code=None, file=None, line=None)
        text = msgspec.json.encode([self.arn, self.code_sha, config], order="sorted")
        return str(uuid.UUID(bytes=hashlib.sha256(text).digest()[:16], version=4))

    def problems(self) -> list[Problem]:
        found = list(self.code_problems)
        if self.init_problem is not None and self.init_problem not in found:
            found.append(self.init_problem)
        if self.manifest_problem is not None:
            found.append(self.manifest_problem)
        for need, one in zip(self.needs, self.installations, strict=True):
            uninstalled = one.problem(need.manifest)
            if uninstalled is not None:
                severity = "warning" if need.optional else uninstalled.severity
                found.append(msgspec.structs.replace(uninstalled, function=self.name, severity=severity))
        notice = runtime_notice(self.config, self.interpreter.version) if self.interpreter else None
        return [*found, notice] if notice else found

    @property
    def installing(self) -> bool:
        """Whether packages that it needs are being installed: what triggers it waits meanwhile."""
        return any(one.pending for one in self.installations)

    @property
    def own_manifest(self) -> Manifest | None:
        """The file beside its code that names its packages, where they are installed from it."""
        return next((need.manifest for need in self.needs if need.layer is None and not need.optional), None)

    @property
    def packages(self) -> str:
        """As `schema.FunctionRow.packages` has it."""
        texts = [
            (one.state is not State.INSTALLED, one.text(need.manifest.name))
            for need, one in zip(self.needs, self.installations, strict=True)
        ]
        return "; ".join(text for _, text in sorted(texts, key=lambda one: not one[0]))

    @property
    def state(self) -> str:
        """One word of schema.FunctionRow.state."""
        return self._status(self)

    def status(self, *, in_flight: int, reserve: int | None, now: float) -> str:
        """The state from what the engine knows beside this object; what keeps it from running comes first."""
        if self.config.unserved:
            return "unserved"
        if not self.settled.is_set() and self.snapshot is not None:
            return "reloading"
        if reserve == 0:
            return "stopped"
        if self.installing:
            return "installing"
        if any(problem.severity == "error" for problem in self.problems()):
            return "broken"
        if now - self.throttled_at < 5.0 and self.throttled_at:
            return "throttled"
        if self.failing:
            return "failing"
        return "busy" if in_flight else "idle"
