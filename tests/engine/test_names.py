"""Logical id, FunctionName, construct name and ARN all reach the function."""

from __future__ import annotations

import pytest

from lambdatui.errors import NotFound
from tests.engine.conftest import Start, call

TEMPLATE = """
Resources:
  Hello4A628BD4:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: shop-hello
      Handler: app.handler
      Runtime: python3.12
      Code: src
    Metadata: {"aws:cdk:path": Shop/Hello/Resource}
"""


async def test_every_name_reaches_the_function(start: Start) -> None:
    source = "def handler(event, context):\n    return context.function_name\n"
    engine = await start({"template.yaml": TEMPLATE, "src/app.py": source})
    arn = "arn:aws:lambda:us-east-1:000000000000:function:shop-hello"
    for name in ("shop-hello", "Hello4A628BD4", "Hello", arn, arn + ":$LATEST", "function:Hello"):
        assert (await call(engine, name)).payload == b'"shop-hello"', name
    with pytest.raises(NotFound):
        await call(engine, "Resource")
