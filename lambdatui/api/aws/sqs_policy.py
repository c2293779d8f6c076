"""A queue's access policy as AddPermission and RemovePermission write it. It is kept and told; nothing obeys it."""

from __future__ import annotations

import json
import re
from typing import Any

from lambdatui.api.aws.errors import AwsError

MAX_ACTIONS = 7
MAX_STATEMENTS = 20
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACTIONS = {
    "*", "AddPermission", "CancelMessageMoveTask", "ChangeMessageVisibility", "CreateQueue", "DeleteMessage",
    "DeleteQueue", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "ListMessageMoveTasks",
    "ListQueueTags", "ListQueues", "PurgeQueue", "ReceiveMessage", "RemovePermission", "SendMessage",
    "SetQueueAttributes", "StartMessageMoveTask", "TagQueue", "UntagQueue",
}  # fmt: skip


def add_statement(policy: str | None, arn: str, label: str, accounts: list[str], actions: list[str]) -> str:
    """The policy with one more statement, called `label`. Raises SQS's own errors."""
    if not _LABEL.fullmatch(label):
        raise _wrong(label, "Label", "Can only include alphanumeric characters, hyphens, or underscores.")
    if len(actions) > MAX_ACTIONS:
        raise AwsError("OverLimit", f"{len(actions)} Actions were found, maximum allowed is {MAX_ACTIONS}.")
    unknown = next((action for action in actions if action not in _ACTIONS), None)
    if unknown is not None:
        raise _wrong(
            f"SQS:{unknown}", "ActionName", "Please refer to the appropriate WSDL for a list of valid actions."
        )
    document = _document(policy, arn)
    statements = document["Statement"]
    if any(_sid(statement) == label for statement in statements):
        raise _wrong(label, "Label", "Already exists.")
    if len(statements) >= MAX_STATEMENTS:
        raise AwsError("OverLimit", f"A policy can have at most {MAX_STATEMENTS} statements.")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    names = [f"SQS:{action}" for action in actions]
    statements.append({
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": names[0] if len(names) == 1 else names,
        "Resource": arn,
    })  # fmt: skip
    return json.dumps(document, separators=(",", ":"))


def remove_statement(policy: str | None, arn: str, label: str) -> str:
    """The policy without the statement called `label`; "" where none is left."""
    document = _document(policy, arn)
    left = [statement for statement in document["Statement"] if _sid(statement) != label]
    if len(left) == len(document["Statement"]):
        raise _wrong(label, "Label", "can't find label.")
    return json.dumps({**document, "Statement": left}, separators=(",", ":")) if left else ""


def _document(policy: str | None, arn: str) -> dict[str, Any]:
    found = json.loads(policy) if policy else {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy"}
    found = dict(found) if isinstance(found, dict) else {}
    statements = found.get("Statement", [])
    found["Statement"] = statements if isinstance(statements, list) else [statements]
    return found


def _sid(statement: object) -> object:
    """A statement's name; a policy that was set whole may hold anything."""
    return statement.get("Sid") if isinstance(statement, dict) else None


def _wrong(value: str, name: str, reason: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}")
