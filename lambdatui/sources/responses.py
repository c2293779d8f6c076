"""What a function said about the records of its batch (`ReportBatchItemFailures`): pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec


class MalformedResponseError(ValueError):
    """The answer cannot be understood, so the whole batch counts as failed; the message says what is wrong."""


def failed_items(payload: bytes, known: Collection[str]) -> frozenset[str]:
    """Identifiers reported as failed, out of `known`; empty for a success. Raises MalformedResponseError.

    Success is null, an object without (or with an empty or null) `batchItemFailures`. An empty, missing or unknown
    `itemIdentifier` fails the whole batch, as does an answer that is neither null nor an object.
    """
    try:
        answer = msgspec.json.decode(payload) if payload.strip() else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponseError(f"the function's batch response is not JSON: {error}") from error
    if answer is None:
        return frozenset()
    if not isinstance(answer, dict):
        raise MalformedResponseError(
            f"the function's batch response is {_kind(answer)}, not an object with batchItemFailures"
        )
    failures = answer.get("batchItemFailures")
    if failures is None:
        return frozenset()
    if not isinstance(failures, list):
        raise MalformedResponseError(f"batchItemFailures is {_kind(failures)}, not a list")
    return frozenset(_identifier(item, known) for item in failures)


def _identifier(item: object, known: Collection[str]) -> str:
    if not isinstance(item, dict) or "itemIdentifier" not in item:
        raise MalformedResponseError("an entry of batchItemFailures has no itemIdentifier")
    name = item["itemIdentifier"]
    if not isinstance(name, str) or not name:
        raise MalformedResponseError("batchItemFailures holds an empty itemIdentifier")
    if name not in known:
        raise MalformedResponseError(f"batchItemFailures names {name!r}, which is not in the batch")
    return name


def _kind(value: object) -> str:
    names: dict[type, str] = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")
