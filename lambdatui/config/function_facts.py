"""What a function's row says of its configuration, running or not. Pure."""

from __future__ import annotations

from typing import Any

from lambdatui.config.destinations import shown
from lambdatui.config.model import FunctionConfig
from lambdatui.schema import AsyncRow
from lambdatui.wire import sounds_secret


def function_facts(config: FunctionConfig) -> dict[str, Any]:
    """Members of `FunctionRow` beyond its least, by name."""
    return {
        "dead_letter_topic": config.dead_letter_topic,
        "recursive_loop": config.recursive_loop,
        "ephemeral_storage": config.ephemeral_storage,
        "log_format": config.logging.format,
        "application_log_level": config.logging.application_level,
        "system_log_level": config.logging.system_level,
        "log_group": config.logging.group or f"/aws/lambda/{config.name}",
        "secrets": [name for name in config.environment if name in config.secrets or sounds_secret(name)],
    }


def declared_async(config: FunctionConfig) -> list[AsyncRow]:
    """What the files say of asynchronous events: of $LATEST's, and of those of the qualifier that they name."""
    said = AsyncRow(
        qualifier=config.event_invoke_qualifier or "$LATEST",
        maximum_retry_attempts=config.maximum_retry_attempts,
        maximum_event_age=config.maximum_event_age,
        on_success=shown(config.on_success),
        on_failure=shown(config.on_failure),
    )
    return [said] if said.qualifier == "$LATEST" else [AsyncRow(qualifier="$LATEST"), said]
