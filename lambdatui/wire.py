"""Frames and constants that engine, spawner and environment share.

Standard library only, Python 3.9 syntax: the environment loads this file by path, in whatever Python it runs.

A frame is a fixed header, a small JSON object (`meta`) and the raw payload bytes, which nobody but the
handler's own runtime parses:

    version u8 | kind u8 | reserved u16 | meta length u32 | payload length u32 | request id 16 bytes | deadline i64

The deadline is in microseconds UTC (0: none). All numbers are little-endian.
"""

from __future__ import annotations

import struct

PROTOCOL_VERSION = 1
HEADER = struct.Struct("<BBHII16sq")
NO_REQUEST = bytes(16)
# Parts of names, of variables and keys, whose values are shown to nobody.
_SECRETS = (
    "secret", "passw", "token", "api_key", "apikey", "credential", "private_key", "access_key",
    "authorization", "cookie",
)  # fmt: skip

# engine -> environment
# The first frame an environment reads. Payload: JSON {"handler", "code_root", "manifest" (path or null), "bytecode"
# (cache folder or null), "packages": [...], "sys_path": [...], "fallback": {"path", "modules"} or null,
# "python_notice", "profile" (Hz)?}. What a handler's context shows, and how it logs, stands in the variables, as on
# Lambda.
START = 2
# The first frame instead, from the spawner: become a library zygote. Payload: JSON {"packages", "sys_path", "fallback",
# "modules", "nice"}. What follows on this socket are messages of `spawner.protocol`; see `runtime.zygote`.
PREPARE = 3
# meta: {"arn", "client_context"?, "identity"?, "trace_id"?, "tenant_id"?, "profile"? (Hz), "checked"?}; payload: the
# event, nothing where it has been CHECKED
INVOKE = 1
# Before INVOKE. Payload: a large event of which nobody knows yet whether it is JSON. Who runs it parses it anyway, and
# to look through it twice takes longer than everything else about it.
CHECK = 4

# environment -> engine
# Init went well; meta: {"init_us", "libraries": [[name, file or null]], "files": [other files that it imported]}. The
# libraries are modules of the standard library, of package folders and of the fallback (null: no file), in the order in
# which their imports began; of an environment that was forked, only those that its zygote has not.
READY = 16
INIT_ERROR = 17  # init failed; meta as READY's and ERROR's; payload: the error JSON that Lambda would give
RESULT = 18  # payload: the handler's result as JSON; meta: {"duration_us", "peak_kb": most memory of its life so far}
ERROR = 19  # payload: the error JSON; meta: RESULT's and {"error_type", "error_message"}
# Sent before ERROR and INIT_ERROR where there is a traceback, at most 64 KB. Payload: JSON
# {"frames": [{"file", "line", "function", "source": [[line, text]], "locals": {name: text}}]}, the innermost last.
DIAGNOSTICS = 20
# Sent before READY and INIT_ERROR: what the init imported. meta: {"libraries_us", "own_us"}: its time by where the code
# stands, outside of the code folder or below it. Payload: JSON {"modules": how many, "places": [[kind, folder]],
# "nodes": [[module, index of the import that it is part of or -1, own us, us with what it imports, place]]}: the 300
# dearest in the order of their beginnings. Kinds: own, layer, packages, sdk, standard, missing, other.
IMPORTS = 21
# Sent before READY, INIT_ERROR, RESULT or ERROR where START ("profile": rate in Hz) or INVOKE's meta asks for it, and
# shortly before the deadline. Payload: JSON {"phase": "init" or "handler", "wall_us", "cpu_us" of the calling thread,
# "sampler_us", "frames": [[function, file, line, kind of place]], "nodes": [parent, frame, parent, …] of the call
# tree with its root (-1, -1), "threads": [{"name", "called", "samples", "nodes": [node], "weights": [us]}]}.
PROFILE = 22
CHECKED = 23  # answers CHECK. Payload: b"1" where the event was parsed and waits for its INVOKE, else nothing

# In the log pipe, between the bytes that fds 1 and 2 were given, stand the records of `logging` and of uncaught
# exceptions as Lambda's runtimes frame them for its platform: type u32 | message length u32 | time in microseconds u64,
# big-endian. What is longer than PIPE_BUF may be torn by other threads' output while the pipe is full.
LOG_RECORD = struct.Struct(">IIQ")
_LOG_RECORD_TEXT, _LOG_RECORD_JSON = 0xA55A0003, 0xA55A0002

# Marker variables that every environment carries, so that a start can sweep what a double kill left behind.
MARK_ENGINE = "LAMBDATUI_ENGINE"
MARK_ENVIRONMENT = "LAMBDATUI_ENVIRONMENT"

# File descriptors in a started environment.
FD_CHANNEL = 3

# Invocation payload limits in bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_SYNC_REQUEST = 6_291_456
MAX_SYNC_PAYLOAD = 6_291_556  # of a result
MAX_EVENT_PAYLOAD = 1_048_576

RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"  # error type of a result above it; the environment ends with it

# What the engine accepts from an environment before it gives it up. The runtime sends no larger result or error itself.
MAX_META = 4 * 1024 * 1024
MAX_RESULT = 16 * 1024 * 1024


def log_record_type(level: int, json_format: bool) -> int:
    """The type of a log record of this level of `logging`: 10, 20, … 50, or 0 for none."""
    return (_LOG_RECORD_JSON if json_format else _LOG_RECORD_TEXT) + (level // 10 + 1 if level else 0) * 4


def log_record_level(type: int) -> int | None:
    """The level of a record of this type, 0 where it has none; None where there is no such type."""
    level, rest = divmod(type - _LOG_RECORD_JSON, 4)
    return (max(0, level - 1) * 10) if rest in (0, 1) and level in (0, 2, 3, 4, 5, 6) else None


class Header:
    """What stands before a frame's meta and payload. (A NamedTuple would cost an environment 20 ms of `typing`.)"""

    __slots__ = ("deadline_us", "kind", "meta_length", "payload_length", "request_id", "version")

    def __init__(
        self, version: int, kind: int, meta_length: int, payload_length: int, request_id: bytes, deadline_us: int
    ) -> None:
        self.version = version
        self.kind = kind
        self.meta_length = meta_length
        self.payload_length = payload_length
        self.request_id = request_id
        self.deadline_us = deadline_us


def pack(kind: int, meta: bytes, payload: bytes, request_id: bytes = NO_REQUEST, deadline_us: int = 0) -> bytes:
    """One frame's bytes without its payload, which the caller sends after it (a 6 MB payload is not copied)."""
    return HEADER.pack(PROTOCOL_VERSION, kind, 0, len(meta), len(payload), request_id, deadline_us) + meta


def unpack_header(data: bytes) -> Header:
    """The header at the start of `data`; ValueError where the peer speaks another version."""
    version, kind, _, meta_length, payload_length, request_id, deadline_us = HEADER.unpack_from(data)
    if version != PROTOCOL_VERSION:
        raise ValueError("frame of protocol version %d, expected %d" % (version, PROTOCOL_VERSION))
    return Header(version, kind, meta_length, payload_length, request_id, deadline_us)


def sounds_secret(name: str) -> bool:
    """Whether what goes by that name is nobody else's business."""
    lower = name.lower()
    return any(part in lower for part in _SECRETS)
