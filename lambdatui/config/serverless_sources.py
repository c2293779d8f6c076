"""Where the variables of a serverless.yml get their values: options, environment, files, parameters, the account."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from lambdatui.config import files
from lambdatui.config.declared import Declared
from lambdatui.config.env_vars import load_env_vars
from lambdatui.config.intrinsics import Unresolved
from lambdatui.config.serverless_variables import Ask, Raw, Variables
from lambdatui.config.yaml_lines import Document, Map, ParseError, Seq, Text, Value, parse_json, parse_yaml
from lambdatui.errors import UsageError

DEFAULT_STAGE = "dev"
INSTANCE_ID = "local"  # ${sls:instanceId}: random for each run of the framework
_CREDENTIALS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
_CODE = {".js", ".cjs", ".mjs", ".ts", ".mts", ".cts"}
# Sources that only an account or the framework's own services could answer.
_REMOTE = {
    "ssm": "the Parameter Store",
    "s3": "S3",
    "cf": "another stack",
    "output": "another service",
    "state": "another service",
    "secretsManager": "Secrets Manager",
    "vault": "Vault",
    "doppler": "Doppler",
    "terraform": "Terraform",
    "git": "git",
}
_TRUE, _FALSE = {"true", "1"}, {"false", "0", "null", ""}


@dataclass
class Sources:
    """The sources of one file. `given` are the person's own values: `opt`, `param`, and `ssm:/path` and its like."""

    folder: Path
    into: Declared
    given: dict[str, str]
    dotenv: dict[str, str] = field(default_factory=dict)
    constructs: dict[str, dict[str, Map]] = field(default_factory=dict)  # Lift's: what `${construct:a.b}` stands for
    used: set[str] = field(default_factory=set)  # the names of `given` that were asked for
    _files: dict[Path, tuple[str, Document | Unresolved]] = field(default_factory=dict)
    _copies: dict[tuple[int, int | None], tuple[Value, Value]] = field(default_factory=dict)

    def variables(self, root: Map) -> Variables:
        """An evaluator of the document `root` with these sources."""
        asks: dict[str, Ask] = {
            "opt": self._opt,
            "env": self._env,
            "file": self._file,
            "param": self._param,
            "sls": self._sls,
            "aws": self._aws,
            "strToBool": self._bool,
            "construct": self._construct,
            **{kind: self._remote(kind, where) for kind, where in _REMOTE.items()},
        }
        self._variables = Variables(root, asks, self._default)
        return self._variables

    def stage(self) -> str:
        """--parameter stage=…, else provider.stage, else dev."""
        return self._given("stage") or self._variables.text_at("provider", "stage") or DEFAULT_STAGE

    def _default(self, address: str) -> Text | None:
        """What the framework itself writes where the file is silent."""
        if address == "provider.stage":
            return Text(self.stage())
        if address == "provider.region":
            return Text(self.into.options.region)
        keys = address.split(".")
        if len(keys) == 3 and keys[0] == "functions" and keys[2] == "name":
            service = self._variables.text_at("service")
            known = isinstance(self._variables.below(self._variables.root, f"functions.{keys[1]}"), Map)
            return Text(f"{service}-{self.stage()}-{keys[1]}") if service and known else None
        return None

    def read_dotenv(self, stage: str) -> None:
        """Take the variables of .env and .env.STAGE, the latter's first. UsageError where one is malformed."""
        paths = [self.folder / name for name in (".env", f".env.{stage}")]
        self.into.files.extend(map(str, paths))  # also those that are not there yet
        for path in paths:
            if path.is_file():
                self.dotenv.update(load_env_vars(path).get("", {}))

    def _opt(self, parameters: list[str], address: str, line: int | None) -> Raw:
        value = self._given(address)
        return None if value is None else Text(value, line)

    def _given(self, name: str) -> str | None:
        self.used.add(name)
        return self.given.get(name)

    def _env(self, parameters: list[str], address: str, line: int | None) -> Raw:
        if address in _CREDENTIALS:
            return Unresolved(f"{address} is not handed on: credentials never reach the functions here", line)
        value = os.environ.get(address, self.dotenv.get(address))
        if value is None:
            return Unresolved(f"the environment has no variable {address}", line)
        return Text(value, line)

    def _param(self, parameters: list[str], address: str, line: int | None) -> Raw:
        if (value := self._given(address)) is not None:
            return Text(value, line)
        for stage in (self.stage(), "default"):
            for keys in (("stages", stage, "params", address), ("params", stage, address)):
                found = self._variables.at(*keys)
                if found is not None:
                    return found
        return Unresolved(f"there is no parameter {address} in params, and none was given", line)

    def _sls(self, parameters: list[str], address: str, line: int | None) -> Raw:
        if address == "stage":
            return Text(self.stage(), line)
        if address == "instanceId":
            return Text(INSTANCE_ID, line)
        return Unresolved(f"the source sls has no {address}", line)

    def _aws(self, parameters: list[str], address: str, line: int | None) -> Raw:
        values = {"accountId": self.into.options.account, "region": self.into.options.region}
        if address in values:
            return Text(values[address], line)
        return Unresolved(f"the source aws has no {address}", line)

    def _bool(self, parameters: list[str], address: str, line: int | None) -> Raw:
        text = parameters[0].strip().lower() if parameters else ""
        if text in _TRUE | _FALSE:
            return Text("true" if text in _TRUE else "false", line, True)
        return Unresolved(f"strToBool takes true, false, 1 or 0, not {text!r}", line)

    def _construct(self, parameters: list[str], address: str, line: int | None) -> Raw:
        name, _, attribute = address.partition(".")
        if name not in self.constructs:
            return Unresolved(f"there is no construct {name}", line)
        if attribute not in self.constructs[name]:
            return Unresolved(f"{attribute} of the construct {name} is not known here", line)
        return self.constructs[name][attribute]

    def _remote(self, kind: str, where: str) -> Ask:
        def ask(parameters: list[str], address: str, line: int | None) -> Raw:
            key = f"{kind}:{address}"
            if (value := self._given(key)) is not None:
                return Text(value, line)
            return Unresolved(f"${{{key}}} is read from {where} at deployment (--parameter '{key}=…' gives it)", line)

        return ask

    # files

    def _file(self, parameters: list[str], address: str, line: int | None) -> Raw:
        name = parameters[0] if parameters else ""
        if not name:
            return Unresolved("the source file takes a path: ${file(./x.yml)}", line)
        try:
            path = (self.folder / name).resolve()
            if not path.is_relative_to(self.into.root):
                why = "lies outside of the project (run the folder that holds both, with --template)"
                return Unresolved(f"the file {name} {why}", line)
            if path.suffix in _CODE:
                return Unresolved(f"{name} is a program, which is not run here", line)
            if not path.is_file():
                if path.parent.is_dir():
                    self.into.files.append(str(path))  # its appearance is a reload
                return Unresolved(f"{name} is no file" if path.exists() else f"there is no file {name}", line)
            document = self._document(path, name)
        except (OSError, ValueError, RuntimeError) as exc:
            return Unresolved(f"the file {name[:80]!r} cannot be read: {getattr(exc, 'strerror', None) or exc}", line)
        if isinstance(document, Unresolved):
            return Unresolved(document.why, line)
        found = self._variables.below(document.value, address) if address else document.value
        if isinstance(found, Unresolved):
            return found
        return Unresolved(f"{name} has no {address}", line) if found is None and address else self._placed(found, line)

    def _document(self, path: Path, name: str) -> Document | Unresolved:
        if path not in self._files:
            self.into.files.append(str(path))
            self._files[path] = name, self._parsed(path, name)
        return self._files[path][1]

    def _parsed(self, path: Path, name: str) -> Document | Unresolved:
        try:
            text = files.read(path).decode("utf-8-sig")
            if path.suffix in {".yml", ".yaml"}:
                return parse_yaml(text)
            if path.suffix in {".json", ".tfstate"}:
                return parse_json(text)
            if path.name.startswith(".env"):
                values = Map(1)
                values.update({key: Text(value) for key, value in load_env_vars(path).get("", {}).items()})
                return Document(values)
            return Document(Text(text))
        except ParseError as exc:
            return Unresolved(f"{name}, line {exc.line or 1}: {exc.message}")
        except UnicodeDecodeError:
            return Unresolved(f"{name} is not UTF-8")
        except UsageError as exc:
            return Unresolved(str(exc))

    def _placed(self, value: Value, line: int | None) -> Value:
        """A copy whose lines are that of the variable: all problems speak of the file that names the other."""
        if not isinstance(value, Map | Seq | Text):
            return value
        key = (id(value), line)
        if key not in self._copies:
            self._copies[key] = value, _copy(value, line)
        return self._copies[key][1]


def _copy(value: Value, line: int | None) -> Value:
    if isinstance(value, Map):
        result = Map(line)
        for key, item in value.items():
            result[key] = _copy(item, line)
            result.lines[key] = line or 1
        return result
    if isinstance(value, Seq):
        items = Seq(line)
        items.extend(_copy(item, line) for item in value)
        return items
    return Text(value, line, value.plain) if isinstance(value, Text) else value
