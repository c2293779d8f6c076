"""CloudWatch's metric math, the part that Lambda's metrics are used with. Pure: expressions over series by time.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

MAX_LENGTH = 2048  # CloudWatch's own
MAX_DEPTH = 50

Series = dict[int, float]  # time -> value
Value = float | Series | list[Series]  # a number, one series, an array of series

_TOKEN = re.compile(
    r'\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_]\w*)|(<=|>=|==|!=|&&|\|\||[-+*/^<>()\[\],])|"([^"]*)")'
)
_BINARY: tuple[dict[str, Callable[[float, float], float]], ...] = (  # the loosest first
    {"OR": lambda a, b: float(bool(a) or bool(b)), "||": lambda a, b: float(bool(a) or bool(b))},
    {"AND": lambda a, b: float(bool(a) and bool(b)), "&&": lambda a, b: float(bool(a) and bool(b))},
    {
        "<": lambda a, b: float(a < b), "<=": lambda a, b: float(a <= b), ">": lambda a, b: float(a > b),
        ">=": lambda a, b: float(a >= b), "==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b),
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
)  # fmt: skip


class MathError(ValueError):
    """The expression cannot be evaluated; the sentence says why."""


def names(expression: str) -> set[str]:
    """The ids that an expression names (its functions' names begin with a capital). Raises MathError."""
    return {token for kind, token in _tokens(expression) if kind == "name" and token[0].islower()}


def evaluate(
    expression: str, values: Mapping[str, Value], metrics: Sequence[Series], period: int, times: Sequence[int]
) -> Value:
    """The expression's value. `values` by id, `metrics` what METRICS() stands for, `times` where FILL fills.

    Raises MathError.
    """
    parser = _Parser(_tokens(expression), values, metrics, period, times)
    try:
        value = parser.binary(0, 0)
    except MathError:
        raise
    except (OverflowError, ValueError):
        raise MathError("a number is too large") from None
    parser.end()
    return value


def _tokens(expression: str) -> list[tuple[str, str]]:
    if len(expression) > MAX_LENGTH:
        raise MathError(f"it is longer than {MAX_LENGTH} characters")
    found, at = [], 0
    text = expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise MathError(f"unexpected {text[at:].strip()[:10]!r}")
        number, name, symbol, quoted = match.groups()
        if number is not None:
            found.append(("number", number))
        elif name is not None:
            found.append(("symbol", name) if name in ("AND", "OR") else ("name", name))
        else:
            found.append(("symbol", symbol) if symbol is not None else ("text", quoted))
        at = match.end()
    return found


class _Parser:
    """Recursive descent that evaluates as it goes."""

    def __init__(
        self, tokens: list[tuple[str, str]], values: Mapping[str, Value], metrics: Sequence[Series], period: int,
        times: Sequence[int],
    ) -> None:  # fmt: skip
        self._tokens = [*tokens, ("end", "")]
        self._at = 0
        self._values = values
        self._metrics = metrics
        self._period = period
        self._times = times

    def end(self) -> None:
        kind, token = self._tokens[self._at]
        if kind != "end":
            raise MathError(f"unexpected {token!r}")

    def binary(self, level: int, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise MathError("it is nested too deep")
        if level == len(_BINARY):
            return self._signed(depth)
        left = self.binary(level + 1, depth)
        while (symbol := self._tokens[self._at])[0] == "symbol" and symbol[1] in _BINARY[level]:
            self._at += 1
            left = _pairwise(_BINARY[level][symbol[1]], left, self.binary(level + 1, depth))
        return left

    def _signed(self, depth: int) -> Value:
        if self._took("-"):
            return _each(operator.neg, self._signed(_deeper(depth)))
        base = self._atom(depth)
        if self._took("^"):
            return _pairwise(_power, base, self._signed(_deeper(depth)))
        return base

    def _atom(self, depth: int) -> Value:
        kind, token = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return float(token)
        if kind == "name" and self._took("("):
            return self._call(token, depth)
        if kind == "name":
            if token not in self._values:
                raise MathError(f"there is no {token}")
            return self._values[token]
        if (kind, token) == ("symbol", "("):
            value = self.binary(0, depth + 1)
            self._expect(")")
            return value
        if (kind, token) == ("symbol", "["):
            return [one for value in self._list("]", depth) for one in _array(value)]
        raise MathError(f"unexpected {token!r}" if kind != "end" else "it ends too early")

    def _list(self, closing: str, depth: int) -> list[Any]:
        items: list[Any] = []
        if self._took(closing):
            return items
        while True:
            kind, token = self._tokens[self._at]
            if kind == "text" or (kind, token) in (("name", "REPEAT"), ("name", "LINEAR")):
                self._at += 1
                items.append(token)
            else:
                items.append(self.binary(0, depth + 1))
            if self._took(closing):
                return items
            self._expect(",")

    def _call(self, name: str, depth: int) -> Value:
        arguments = self._list(")", depth)
        if name == "METRICS" and not arguments:
            return list(self._metrics)
        if name == "PERIOD" and len(arguments) == 1:
            return float(self._period)
        if name == "FILL" and len(arguments) == 2:
            return _fill(arguments[0], arguments[1], self._times)
        if any(isinstance(each, str) for each in arguments):
            raise MathError(f"{name} is not served with a text")
        if name in _REDUCING and len(arguments) == 1:
            return _reduced(_REDUCING[name], arguments[0])
        if name in _EACH and len(arguments) == 1:
            return _each(_EACH[name], arguments[0])
        if name in _OVER_TIME and len(arguments) == 1:
            return (
                [*map(_OVER_TIME[name], arguments[0])]
                if isinstance(arguments[0], list)
                else _OVER_TIME[name](_one(arguments[0]))
            )
        if name == "IF" and len(arguments) in (2, 3):
            return _chosen(*arguments)
        raise MathError(f"the function {name} is not served with {len(arguments)} arguments")

    def _took(self, symbol: str) -> bool:
        if self._tokens[self._at] == ("symbol", symbol):
            self._at += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._took(symbol):
            raise MathError(f"{symbol!r} is missing")


def _deeper(depth: int) -> int:
    if depth > MAX_DEPTH:
        raise MathError("it is nested too deep")
    return depth + 1


def _array(value: Any) -> list[Series]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    raise MathError("an array holds series only")


def _one(value: Value) -> Series:
    if not isinstance(value, dict):
        raise MathError("a series is expected")
    return value


def _power(a: float, b: float) -> float:
    if (a == 0 and b < 0) or (a < 0 and not float(b).is_integer()):
        raise ZeroDivisionError
    return float(a**b)


def _each(function: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, list):
        return [{at: function(x) for at, x in one.items()} for one in value]
    if isinstance(value, dict):
        return {at: function(x) for at, x in value.items()}
    return function(value)


def _pairwise(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Series meet where both have a value; a division by zero leaves none."""
    if isinstance(left, list) or isinstance(right, list):
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                raise MathError("arrays of different lengths")
            return [_one(_pairwise(function, a, b)) for a, b in zip(left, right, strict=True)]
        if isinstance(left, list):
            return [_one(_pairwise(function, each, right)) for each in left]
        assert isinstance(right, list)
        return [_one(_pairwise(function, left, each)) for each in right]
    if isinstance(left, dict):
        pairs = [(at, x, right.get(at) if isinstance(right, dict) else right) for at, x in left.items()]
    elif isinstance(right, dict):
        pairs = [(at, left, y) for at, y in right.items()]
    else:
        try:
            return function(left, right)
        except ZeroDivisionError:
            raise MathError("it divides by zero") from None
    made: Series = {}
    for at, x, y in pairs:
        if y is not None:
            try:
                made[at] = function(x, y)
            except ZeroDivisionError:
                continue
    return made


def _reduced(function: Callable[[list[float]], float], value: Value) -> Value:
    """Of one series a number; of an array a series, at each time over those that have a value."""
    if isinstance(value, dict):
        return function(list(value.values())) if value else {}
    if not isinstance(value, list):
        return value
    times = sorted({at for one in value for at in one})
    return {at: function([one[at] for one in value if at in one]) for at in times}


def _fill(value: Value, filler: Value | str, times: Sequence[int]) -> Value:
    if isinstance(value, list):
        return [_one(_fill(each, filler, times)) for each in value]
    series = _one(value)
    if filler == "REPEAT":
        return _repeated(series, times)
    if filler == "LINEAR":
        return _interpolated(series, times)
    if isinstance(filler, str | list):
        raise MathError("FILL takes a number, a series, REPEAT or LINEAR")
    extra = filler if isinstance(filler, dict) else dict.fromkeys(times, filler)
    return {**extra, **series}


def _repeated(series: Series, times: Sequence[int]) -> Series:
    made: Series = {}
    for at in sorted({*times, *series}):
        if at in series:
            last = series[at]
        elif not made:
            continue
        made[at] = last
    return made


def _interpolated(series: Series, times: Sequence[int]) -> Series:
    known = sorted(series)
    made = dict(series)
    for before, after in pairwise(known):
        for at in times:
            if before < at < after:
                made[at] = series[before] + (series[after] - series[before]) * (at - before) / (after - before)
    return made


def _rate(series: Series) -> Series:
    return {b: (series[b] - series[a]) / (b - a) for a, b in _neighbours(series)}


def _difference(series: Series) -> Series:
    return {b: series[b] - series[a] for a, b in _neighbours(series)}


def _running_sum(series: Series) -> Series:
    total, made = 0.0, {}
    for at in sorted(series):
        total += series[at]
        made[at] = total
    return made


def _neighbours(series: Series) -> list[tuple[int, int]]:
    times = sorted(series)
    return list(pairwise(times))


def _chosen(condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    """IF(condition, then, otherwise); where there is no `otherwise` the time has no value."""
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        raise MathError("IF takes no arrays")
    if not isinstance(condition, dict):
        chosen = then if condition else otherwise
        return {} if chosen is None else chosen
    made: Series = {}
    for at, holds in condition.items():
        side = then if holds else otherwise
        value = side.get(at) if isinstance(side, dict) else side
        if value is not None:
            made[at] = value
    return made


_REDUCING: dict[str, Callable[[list[float]], float]] = {
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
_EACH: dict[str, Callable[[float], float]] = {
    "ABS": abs, "CEIL": lambda x: float(math.ceil(x)), "FLOOR": lambda x: float(math.floor(x)),
}  # fmt: skip
_OVER_TIME: dict[str, Callable[[Series], Series]] = {
    "RATE": _rate, "DIFF": _difference, "RUNNING_SUM": _running_sum,
}  # fmt: skip
