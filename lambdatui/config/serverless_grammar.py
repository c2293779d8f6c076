"""The grammar of serverless.yml's variables: `${opt:stage, self:provider.stage, 'dev'}`. Knows no values.

What is no variable of the framework (`${AWS::Region}`, `${Table.Arn}`) stays text: it is CloudFormation's.
https://www.serverless.com/framework/docs/guides/variables
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lambdatui.config.yaml_lines import Text

MAX_NESTING = 20
_TYPE = re.compile(r"\s*([a-z][a-zA-Z0-9]*)(?=[(:])")
_LITERAL = re.compile(r"\s*(true|false|null|-?[0-9]+(?:\.[0-9]+)?)\s*(?=[,})])")
_QUOTED = re.compile(r"""\s*(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?=[,})])""", re.DOTALL)


@dataclass(frozen=True)
class Literal:
    """A fallback that is written out; `value` None is null."""

    value: Text | None


@dataclass(frozen=True)
class Source:
    """`file(a.yml):b.c` as type `file`, parameter `a.yml` and address `b.c`."""

    type: str
    parameters: tuple[Parts, ...]
    address: Parts


@dataclass(frozen=True)
class Variable:
    """One `${…}`; its sources are asked in turn. `text` is how it is written."""

    text: str
    sources: tuple[Source | Literal | Variable, ...]


Parts = tuple[str | Variable, ...]


class Malformed(Exception):
    """A variable that cannot be read; the message completes "cannot be resolved: …"."""


def parse(text: str) -> Parts:
    """The text as literal parts and variables, in order; Malformed where a variable is not well-formed."""
    if "${" not in text:
        return (text,) if text else ()
    return _Parser(text).parts("")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.nesting = 0

    def parts(self, stops: str) -> Parts:
        """Up to one of `stops`, or the end."""
        found: list[str | Variable] = []
        plain: list[str] = []
        while self.at < len(self.text) and self.text[self.at] not in stops:
            if self.text.startswith("\\${", self.at):
                plain.append("${")
                self.at += 3
                continue
            variable = self._variable() if self.text.startswith("${", self.at) else None
            if variable is None:
                plain.append(self.text[self.at])
                self.at += 1
                continue
            if plain:
                found.append("".join(plain))
                plain.clear()
            found.append(variable)
        if plain:
            found.append("".join(plain))
        return tuple(found)

    def _variable(self) -> Variable | None:
        """The variable that begins here; None, having moved nowhere, where it is none of the framework's."""
        begin = self.at
        first = _TYPE.match(self.text, begin + 2)
        if first is None or self.text.startswith("::", first.end()):
            return None
        if self.nesting >= MAX_NESTING:
            raise Malformed("its variables are nested too deep")
        self.nesting += 1
        self.at = begin + 2
        sources: list[Source | Literal | Variable] = [self._source()]
        while self._peek() == ",":
            self.at += 1
            sources.append(self._source())
        if self._peek() != "}":
            raise Malformed(f"the variable {self.text[begin : begin + 60]} is not closed with }}")
        self.at += 1
        self.nesting -= 1
        return Variable(self.text[begin : self.at], tuple(sources))

    def _source(self) -> Source | Literal | Variable:
        if self._peek() == "$" and (nested := self._variable()) is not None:
            return nested  # ${opt:stage, ${self:provider.stage}}, as version 1 had it
        quoted = self._take(_QUOTED)
        if quoted is not None:
            inner = quoted[1] if quoted[1] is not None else re.sub(r"\\(.)", r"\1", quoted[2], flags=re.DOTALL)
            return Literal(Text(inner))
        literal = self._take(_LITERAL)
        if literal is not None:
            return Literal(None if literal[1] == "null" else Text(literal[1], None, True))
        kind = self._take(_TYPE)
        if kind is None:
            rest = re.split(r"[,}]", self.text[self.at :], maxsplit=1)[0].strip()
            raise Malformed(f"{rest[:60]!r} is neither a source such as self:key nor a text in quotes")
        parameters = self._parameters() if self._peek() == "(" else ()
        address: Parts = ()
        if self._peek() == ":":
            self.at += 1
            address = self._address()
        return Source(kind[1], parameters, address)

    def _parameters(self) -> tuple[Parts, ...]:
        found: list[Parts] = []
        self.at += 1
        while True:
            quoted = self._take(_QUOTED)
            if quoted is not None:
                found.append((quoted[1] if quoted[1] is not None else quoted[2],))
            else:
                found.append(_stripped(self.parts(",)}")))
            end = self._peek()
            self.at += 1
            if end == ")":
                return tuple(parts for parts in found if parts)
            if end != ",":
                raise Malformed("a ) is missing in a variable")

    def _address(self) -> Parts:
        quoted = self._take(_QUOTED)
        if quoted is not None:
            return (quoted[1] if quoted[1] is not None else quoted[2],)
        return _stripped(self.parts(",}"))

    def _peek(self) -> str:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match


def _stripped(parts: Parts) -> Parts:
    """Without the spaces at both ends."""
    found = list(parts)
    if found and isinstance(found[0], str):
        found[0] = found[0].lstrip()
    if found and isinstance(found[-1], str):
        found[-1] = found[-1].rstrip()
    return tuple(part for part in found if part != "")
