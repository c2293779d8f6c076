"""SQS's older wire form, which SDKs spoke until 2023 (boto3 before 1.28.82, Java 1.x): forms in, XML out. Pure.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from lambdatui.api.asgi import Headers
from lambdatui.api.aws.errors import COMMON, SQS, AwsError
from lambdatui.api.aws.xml_text import escaped

MAX_FIELDS = 5_000  # ten messages with ten attributes each need 400
MAX_DEPTH = 8  # names in a name: SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.StringValue has six
_NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"
_NUMBERS = {
    "DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds", "MaxResults",
    "MaxNumberOfMessagesPerSecond",
}  # fmt: skip
# How a form says what JSON has as a list or a map: NAME.1, NAME.2.Key, ...
_LISTS = {
    "AttributeName": "AttributeNames",
    "MessageAttributeName": "MessageAttributeNames",
    "MessageSystemAttributeName": "MessageSystemAttributeNames",
    "TagKey": "TagKeys",
    "AWSAccountId": "AWSAccountIds",
    "ActionName": "Actions",
    "SendMessageBatchRequestEntry": "Entries",
    "DeleteMessageBatchRequestEntry": "Entries",
    "ChangeMessageVisibilityBatchRequestEntry": "Entries",
}
_MAPS = {
    "Attribute": ("Attributes", "Name"),
    "MessageAttribute": ("MessageAttributes", "Name"),
    "MessageSystemAttribute": ("MessageSystemAttributes", "Name"),
    "Tag": ("Tags", "Key"),
}
# And how XML says them: one element for each item.
_ITEMS = {
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "queueUrls": "QueueUrl",
    "Failed": "BatchResultErrorEntry",
    "Results": "ListMessageMoveTasksResultEntry",
}
_PAIRS = {member: (element, key) for element, (member, key) in _MAPS.items()}

Tree = dict[str, Any]  # of strings and further trees


def read_form(body: bytes, path: str) -> tuple[str, Tree]:
    """(operation, members as JSON has them) of a form; `path` is the request's, which may name the queue. Raises
    AwsError."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise AwsError("MalformedInput", "The request's body is not a form.") from None
    tree: Tree = {}
    for name, value in pairs:
        if name.count(".") >= MAX_DEPTH:
            raise AwsError("MalformedInput", f"{name[:100]} is no parameter of an operation.")
        _plant(tree, name.split("."), value)
    operation = tree.pop("Action", "")
    if not isinstance(operation, str) or not operation:
        raise AwsError("MissingParameter", "The request must contain the parameter Action.")
    tree.pop("Version", None)
    members = _members(tree)
    if operation == "CreateQueue" and "Tags" in members:
        members["tags"] = members.pop("Tags")
    if "QueueUrl" not in members and path.count("/") >= 2:
        members["QueueUrl"] = path
    return operation, members


def write_answer(operation: str, answer: Tree, request_id: str) -> bytes:
    """The answer of an operation as XML."""
    result = _xml(f"{operation}Result", answer, operation)
    metadata = _xml("ResponseMetadata", {"RequestId": request_id}, operation)
    return _document(f"{operation}Response", result + metadata)


def write_error(error: AwsError, request_id: str) -> tuple[int, bytes, Headers]:
    """The error as XML, under the code that this wire form has for it."""
    shape = SQS.get(error.type) or COMMON[error.type]
    side = "Sender" if shape.fault == "User" else "Receiver"
    told = {"Type": side, "Code": shape.query_code or error.type, "Message": error.message, "Detail": ""}
    inner = _xml("Error", told, "") + _xml("RequestId", request_id, "")
    return shape.status, _document("ErrorResponse", inner), headers(request_id)


def _document(root: str, inner: str) -> bytes:
    return f'<?xml version="1.0"?><{root} xmlns="{_NAMESPACE}">{inner}</{root}>'.encode()


def headers(request_id: str) -> Headers:
    return [(b"content-type", b"text/xml"), (b"x-amzn-requestid", request_id.encode())]


def _plant(tree: Tree, path: list[str], value: str) -> None:
    for name in path[:-1]:
        branch = tree.setdefault(name, {})
        if not isinstance(branch, dict):
            raise AwsError("MalformedInput", f"{'.'.join(path)} is given as a value and as a list.")
        tree = branch
    tree[path[-1]] = value


def _members(tree: Tree) -> Tree:
    found: Tree = {}
    for name, value in tree.items():
        if name in _LISTS:
            found[_LISTS[name]] = [_value(item) for item in _numbered(value)]
        elif name in _MAPS:
            member, key = _MAPS[name]
            items = [item for item in _numbered(value) if isinstance(item, dict)]
            found[member] = {str(item.get(key, "")): _value(item.get("Value", "")) for item in items}
        elif name in _NUMBERS and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            found[name] = int(value)
        else:
            found[name] = _value(value)
    return found


def _value(value: str | Tree) -> Any:
    return _members(value) if isinstance(value, dict) else value


def _numbered(value: str | Tree) -> list[Any]:
    """The items in the order of their numbers; a single one may stand without."""
    if not isinstance(value, dict):
        return [value]
    return [value[number] for number in sorted(value, key=lambda each: (len(each), each))]


def _xml(name: str, value: Any, operation: str) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(member, each, operation) for member, each in value.items())}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escaped(text)}</{name}>"


def _element(member: str, value: Any, operation: str) -> str:
    if isinstance(value, list):
        item = f"{operation}ResultEntry" if member == "Successful" else _ITEMS[member]
        return "".join(_xml(item, each, operation) for each in value)
    if member in _PAIRS and isinstance(value, dict):
        element, key = _PAIRS[member]
        return "".join(_xml(element, {key: name, "Value": each}, operation) for name, each in value.items())
    return _xml(member, value, operation)
