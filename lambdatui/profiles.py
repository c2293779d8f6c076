"""Where time went, as it travels: import trees of cold starts and what the sampler saw. See `lambdatui.schema`."""

from __future__ import annotations

import msgspec


class ImportPlace(msgspec.Struct, frozen=True, array_like=True):
    """A folder of the search path. `kind`: own | layer | packages | sdk | standard | missing | other."""

    kind: str
    folder: str


class ImportNode(msgspec.Struct, frozen=True, array_like=True):
    """One module's import; microseconds."""

    module: str
    parent: int  # index of the import that it is part of, -1 for none
    own_us: int
    total_us: int  # with the imports that are part of it
    place: int  # index


class ImportTree(msgspec.Struct, frozen=True, kw_only=True):
    """The dearest imports of one init, in the order of their beginnings."""

    modules: int = 0  # how many were imported
    places: list[ImportPlace] = []
    nodes: list[ImportNode] = []


class ColdStart(msgspec.Struct, frozen=True, kw_only=True):
    """The last fresh init of a function that is stored, and what its cold starts cost."""

    function: str
    version: str
    code_sha: str
    at: str
    runtime_ms: float  # from the start of the process up to the user's import
    libraries_ms: float
    own_ms: float
    init_ms: float  # what is billed of it
    imports: ImportTree
    # of the function's stored invocations
    invocations: int = 0
    cold_starts: int = 0
    billed_share: float | None = None  # 0..1: what inits are of all that was billed
    usd_per_1000: float | None = None  # list price of a thousand inits like this one


class ProfileFrame(msgspec.Struct, frozen=True, array_like=True):
    """A function. `place`: as ImportPlace.kind."""

    name: str
    file: str
    line: int
    place: str


class ProfileThread(msgspec.Struct, frozen=True, kw_only=True):
    """Samples of one thread in the order of time: node of the call tree, and for how long in microseconds."""

    name: str
    called: bool  # the handler's
    samples: int
    nodes: list[int]
    weights: list[int]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What the sampler saw of one phase. The root of the call tree is node 0."""

    phase: str  # init | handler
    wall_us: int
    cpu_us: int | None  # of the handler's thread; None where the timeout came first
    sampler_us: int  # CPU time of the sampler itself
    frames: list[ProfileFrame]
    nodes: list[int]  # parent and frame of each node, in turns
    threads: list[ProfileThread]


class ProfileReply(msgspec.Struct, frozen=True, kw_only=True):
    """One invocation under the profiler. `profiles`: its init's where it was asked for, then its handler's."""

    request_id: str
    status: str
    payload: bytes
    error_type: str | None = None
    error_message: str | None = None
    log_tail: bytes = b""
    profiles: list[Profile] = []
