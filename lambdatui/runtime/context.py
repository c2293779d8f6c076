"""The context object of a handler, with the attributes and the behaviour of Lambda's own runtime client.

https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

import os
import sys
from time import time

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from typing import Any


class _Record:
    """An object with a fixed set of fields, each None where the caller did not send it."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, values: dict[str, Any]) -> None:
        for field in self.__slots__:
            setattr(self, field, values.get(field))

    def __repr__(self) -> str:
        fields = ",".join("%s=%s" % (field, getattr(self, field)) for field in self.__slots__)
        return "%s([%s])" % (type(self).__name__, fields)


class CognitoIdentity(_Record):
    """Who called, for callers that come through Cognito; always there, its fields mostly None."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")
    cognito_identity_id: str | None
    cognito_identity_pool_id: str | None


class Client(_Record):
    """The mobile application that called."""

    # The order that repr() shows, here and below.
    __slots__ = (  # noqa: RUF023
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(_Record):
    """What a caller put into X-Amz-Client-Context."""

    __slots__ = ("custom", "env", "client")  # noqa: RUF023
    client: Any

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


_W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class LambdaContext:
    """What a handler gets as its second argument."""

    def __init__(
        self,
        invoke_id: str,
        client_context: Any,
        cognito_identity: Any,
        epoch_deadline_time_in_ms: int,
        invoked_function_arn: str | None = None,
        tenant_id: str | None = None,
    ) -> None:
        """The deadline is in UTC milliseconds; what is the environment's own comes from its variables."""
        self.aws_request_id = invoke_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = tenant_id
        self._w3c_fields = _take_w3c(client_context)
        self.client_context = None if client_context is None else ClientContext(client_context)
        identity = {} if cognito_identity is None else cognito_identity
        self.identity = CognitoIdentity(
            {
                "cognito_identity_id": identity.get("cognitoIdentityId"),
                "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
            }
        )
        self._epoch_deadline_time_in_ms = epoch_deadline_time_in_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out, 0 where that has passed."""
        return max(0, self._epoch_deadline_time_in_ms - int(time() * 1000))

    def w3c(self) -> dict[str, str]:
        """The W3C trace context of this invocation."""
        return dict(self._w3c_fields)

    def log(self, msg: object) -> None:
        """Write `msg` to the log as one record; to sys.stdout where Lambda's handler is no longer the root's."""
        import logging

        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                handler.log_sink.log(str(msg))
                return
        sys.stdout.write(str(msg))

    def __repr__(self) -> str:
        fields = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return "LambdaContext([%s])" % ",".join("%s=%s" % (field, getattr(self, field)) for field in fields)


def _take_w3c(client_context: Any) -> dict[str, str]:
    """The trace fields of a client context, which the handler does not see there."""
    if not isinstance(client_context, dict):
        return {}
    fields = client_context.pop("w3c", None)
    if not isinstance(fields, dict):
        return {}
    return {name: fields[name] for name in _W3C_FIELDS if isinstance(fields.get(name), str)}
