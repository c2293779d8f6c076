"""The AWS CLI itself against the door."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.api.api_support import ACCOUNT, Running


def aws(door: Running, *arguments: str) -> str:
    command = str(Path(sys.executable).parent / "aws")
    own = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [command, "--endpoint-url", door.url, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**kept, **own},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lambda_invoke(door: Running, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    said = aws(
        door, "lambda", "invoke", "--function-name", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:echo",
        "--payload", '{"by":"cli"}', str(out),
    )  # fmt: skip
    assert json.loads(said)["StatusCode"] == 200
    assert json.loads(out.read_text()) == {"by": "cli"}


def test_sqs_send_message(door: Running) -> None:
    sent = json.loads(
        aws(
            door, "sqs", "send-message", "--queue-url", f"{door.url}/{ACCOUNT}/orders", "--message-body", "from the cli"
        )
    )
    assert len(sent["MD5OfMessageBody"]) == 32
