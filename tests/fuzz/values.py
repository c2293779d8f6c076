"""What the fuzzers draw from: awkward words, any JSON, and good texts that were damaged."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

AWKWARD = (
    "", "x", "a", "0", "-1", "5", "1e999", "99999999999999999999", "true", "null", "NaN", "*", "%", "a*b", "../..",
    "/etc/passwd",
    "\x00", "\x1b[2J", "\x1b]0;t\x07", "\r", "\n", "\t", "\x7f", "\x9b31m", "ü", "日本", "e\u0301", "\u202ex",
    "\u200b", "\ufeff",
    "\ufffe", "🙂", "👩‍👩‍👧", "𝒳", "a" * 300, "${", "{{", "}}", "<x>", "&amp;", "]]>", "'", '"', "\\", ":", ";", " ",
    "arn:aws:lambda:us-east-1:000000000000:function:echo", "arn:aws:sqs:us-east-1:000000000000:orders", "arn:",
    "$LATEST",
)  # fmt: skip
WORDS = st.sampled_from(AWKWARD) | st.text(max_size=12)

DEEP = "[" * 700 + "]" * 700
TIMES = ("2026-11-21T14:31:10.000000Z", "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z")
_TEXTS = (*AWKWARD, *TIMES, "plain", "words", "as most rows have them", DEEP, '{"a": ' * 300 + "1" + "}" * 300)
TEXTS = st.sampled_from(_TEXTS) | st.text(max_size=20)  # in rows

json_scalars: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
)
json_values: st.SearchStrategy[Any] = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)


def damaged(text: str, chance: random.Random, others: tuple[str, ...] = AWKWARD) -> str:
    """The text with some pieces gone, doubled, moved or exchanged."""
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice((0, 1, 1, 2, 5, 20)))
        kind = chance.randrange(4)
        piece = text[at:end]
        if kind == 0:
            piece = ""
        elif kind == 1:
            piece *= chance.choice((2, 3, 50))
        elif kind == 2:
            piece = chance.choice(others)
        else:
            begin = chance.randrange(len(text) + 1)
            piece = text[begin : begin + chance.randint(1, 30)]
        text = text[:at] + piece + text[end:]
    return text


def mutated(*texts: str) -> st.SearchStrategy[str]:
    """One of the texts, damaged."""
    return st.builds(
        lambda text, seed: damaged(text, random.Random(seed)), st.sampled_from(texts), st.integers(0, 2**32)
    )


def of_type(wanted: Any) -> st.SearchStrategy[Any]:
    """Values of a type that msgspec reads: what may stand in a row that travels.

    Made from one drawn number: drawn member by member, a row of fifty would take fifty times as long.
    """
    kind = inspect.type_info(wanted)
    return st.integers(0, 2**48).map(lambda seed: _of(kind, random.Random(seed), 0))


def _of(kind: inspect.Type, chance: random.Random, depth: int) -> Any:
    match kind:
        case inspect.StrType():
            return chance.choice(_TEXTS)
        case inspect.BoolType():
            return chance.random() < 0.5
        case inspect.IntType():
            return chance.choice((0, 1, 7, 128, 100_000, -1, 2**53, chance.randrange(2**40)))
        case inspect.FloatType():
            return chance.choice((0.0, 0.25, 12.5, 1e4, 1e12, -1.0, 1e300, chance.random()))
        case inspect.NoneType():
            return None
        case inspect.BytesType():
            return chance.choice(_TEXTS).encode("utf-8", "surrogatepass")
        case inspect.LiteralType(values=values):
            return chance.choice(values)
        case inspect.UnionType(types=types):
            return _of(chance.choice(types), chance, depth)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            made = [_of(item, chance, depth + 1) for _ in range(chance.randrange(2 if depth else 4))]
            return made if isinstance(kind, inspect.ListType) else tuple(made)
        case inspect.TupleType(item_types=items):
            return tuple(_of(each, chance, depth + 1) for each in items)
        case inspect.DictType(key_type=key, value_type=value):
            size = chance.randrange(3)
            return {_of(key, chance, depth + 1): _of(value, chance, depth + 1) for _ in range(size)}
        case inspect.StructType(cls=cls, fields=fields):
            return cls(**{
                each.name: _of(each.type, chance,
                depth + 1) for each in fields if each.required or chance.random() < 0.5
            })  # fmt: skip
        case _:
            return chance.choice((None, True, 5, "x", [1], {"a": None}))
