"""A clock that was set back while no engine ran: what waits for its time must not wait for the difference, too."""

from __future__ import annotations

import sqlite3

from lambdatui.clock import MICROS

_TOLERATED_US = 1 * MICROS
# The engine's clock never goes back, so the newest rows have the latest times.
_STATE = (
    "SELECT accepted_us FROM event ORDER BY seq DESC LIMIT 1",
    "SELECT sent_us FROM message ORDER BY seq DESC LIMIT 1",
)
_HISTORY = (
    "SELECT time_us FROM happening ORDER BY id DESC LIMIT 1",
    "SELECT started_us FROM invocation ORDER BY id DESC LIMIT 1",
)
_SHIFTS = (
    "UPDATE event SET visible_us = max(visible_us - :by, :now) WHERE visible_us > :now",
    "UPDATE event SET accepted_us = accepted_us - :by WHERE accepted_us > :now",
    "UPDATE message SET visible_us = max(visible_us - :by, :now) WHERE visible_us > :now",
    "UPDATE dedup SET expires_us = expires_us - :by",
)


def shift(state: sqlite3.Connection, history: sqlite3.Connection, now_us: int) -> int:
    """Bring the times of `state` that lie ahead near by as much as the clock was set back since the last engine; how
    much that is, in microseconds, 0 for nothing. What waits for its time waits as long as it should, or a little less.
    """
    rows = [*(state.execute(sql).fetchone() for sql in _STATE), *(history.execute(sql).fetchone() for sql in _HISTORY)]
    by = max((row[0] for row in rows if row is not None), default=now_us) - now_us
    if by <= _TOLERATED_US:
        return 0
    state.execute("BEGIN IMMEDIATE")
    for sql in _SHIFTS:
        state.execute(sql, {"by": by, "now": now_us})
    state.execute("COMMIT")
    return by
