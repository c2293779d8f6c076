"""The tables of streams: records, shards, checkpoints. Functions over one connection, each within its caller's
transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lambdatui.store.ids import clean, pack_id, put_payload
from lambdatui.store.limits import STEP_ROWS
from lambdatui.store.records import Checkpoint, Record
from lambdatui.store.shards import HASH_SPACE, Shard, even_shards, lane_of, seq_number, seq_text
from lambdatui.store.stream_state import StreamState

STATE = "SELECT epoch, declared, created_us FROM stream WHERE name = ? AND declared IS NOT NULL"
SHARDS = (
    "SELECT id, first_key, last_key, parents, start_seq, end_seq, opened_us, closed_us FROM shard WHERE stream = ?"
    " ORDER BY id"
)
CHECKPOINTS = (
    "SELECT lane, lanes, seq, attempts, failed_since_us, error, batch_end, window FROM checkpoint"
    " WHERE mapping = ? AND shard = ? ORDER BY lane"
)
_RECORDS = (
    "SELECT r.seq, r.partition_key, p.data, r.arrived_us FROM record r JOIN payload p ON p.id = r.payload"
    " WHERE r.stream = ? AND r.shard = ? AND r.seq > ?"
)

Placed = tuple[int, str, bytes]  # hash key, partition key, data


def state_of(name: str, streams: Sequence[tuple[int, int, int]], shards: Sequence[tuple]) -> StreamState:  # type: ignore[type-arg]
    """From the rows of STATE (one) and SHARDS."""
    ((epoch, declared, created_us),) = streams
    return StreamState(
        name=name,
        epoch=epoch,
        declared=declared,
        created_us=created_us,
        shards=tuple(
            Shard(
                id=id,
                first=int(first),
                last=int(last),
                parents=tuple(parents.split()),
                start=start,
                end=end,
                opened_us=opened_us,
                closed_us=closed_us,
            )
            for id, first, last, parents, start, end, opened_us, closed_us in shards
        ),
    )


def load_state(connection: sqlite3.Connection, name: str) -> StreamState | None:
    """None where the stream is not there."""
    rows = connection.execute(STATE, (name,)).fetchall()
    return state_of(name, rows, connection.execute(SHARDS, (name,)).fetchall()) if rows else None


def found(connection: sqlite3.Connection, name: str, shards: int, now_us: int) -> StreamState:
    """The stream, made with so many even shards where it is not there yet."""
    state = load_state(connection, name)
    if state is not None:
        return state
    ((seq,),) = connection.execute(
        "INSERT INTO stream(name, seq, declared, created_us) VALUES (?1, 0, ?2, ?3)"
        " ON CONFLICT(name) DO UPDATE SET epoch = epoch + 1, declared = ?2, created_us = ?3 RETURNING seq",
        (name, shards, now_us),
    ).fetchall()
    # A database from before shards were kept has records, and may have them in more shards than are declared now.
    filled = _shards_with_records(connection, name)
    made = even_shards(shards, 0 if filled else seq, now_us)
    known = {shard.id for shard in made}
    left = [id for id in filled if id not in known]
    orphans = [
        Shard(id=id, first=0, last=HASH_SPACE - 1, end=seq + 1, opened_us=now_us, closed_us=now_us) for id in left
    ]
    if orphans:
        connection.execute("UPDATE stream SET seq = seq + 1 WHERE name = ?", (name,))
    save_shards(connection, name, [*made, *orphans])
    state = load_state(connection, name)
    assert state is not None
    return state


def save_shards(connection: sqlite3.Connection, name: str, shards: Sequence[Shard]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO shard VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (
                name,
                shard.id,
                str(shard.first),
                str(shard.last),
                " ".join(shard.parents),
                shard.start,
                shard.end,
                shard.opened_us,
                shard.closed_us,
            )
            for shard in shards
        ],
    )


def append(
    connection: sqlite3.Connection,
    name: str,
    shards: int,
    placed: Sequence[Placed],
    known: StreamState | None,
    now_us: int,
) -> tuple[list[Record], StreamState]:
    """Records at the end of the open shards that their hash keys belong to. `known`: what the caller believes the
    stream to be; the state that was found."""
    taken = "UPDATE stream SET seq = seq + ? WHERE name = ? AND declared IS NOT NULL RETURNING seq, epoch"
    rows = connection.execute(taken, (len(placed), name)).fetchall()
    if not rows:
        known = found(connection, name, shards, now_us)
        rows = connection.execute(taken, (len(placed), name)).fetchall()
    ((last, epoch),) = rows
    if known is None or known.epoch != epoch:
        known = load_state(connection, name)
        assert known is not None
    shard_of = known.ranges.shard_of
    ordinals: dict[str, int] = {}
    inserted = []
    records = []
    for seq, (key, partition_key, data) in enumerate(placed, start=last - len(placed) + 1):
        shard = shard_of(key)
        if shard not in ordinals:
            newest = connection.execute(
                "SELECT ordinal FROM record WHERE stream = ? AND shard = ? ORDER BY seq DESC LIMIT 1", (name, shard)
            ).fetchone()
            ordinals[shard] = 0 if newest is None else newest[0]
        ordinals[shard] += 1
        inserted.append((name, shard, seq, ordinals[shard], partition_key, put_payload(connection, data), now_us))
        records.append(
            Record(
                stream=name, shard=shard, seq=seq_text(seq), partition_key=partition_key, data=data, arrived_us=now_us
            )
        )
    connection.executemany("INSERT INTO record VALUES (?,?,?,?,?,?,?)", inserted)
    return records, known


def read_records(
    connection: sqlite3.Connection, stream: str, shard: str, after: int, limit: int, most_bytes: int | None = None
) -> list[Record]:
    """Records in order, with their data; the first one, however large, and others while they fit into `most_bytes`."""
    rows = connection.execute(f"{_RECORDS} ORDER BY r.seq LIMIT ?", (stream, shard, after, limit))
    records: list[Record] = []
    size = 0
    for row in rows:
        size += len(row[1]) + len(row[2])
        if most_bytes is not None and records and size > most_bytes:
            break
        records.append(_record(stream, shard, row))
    return records


def _record(stream: str, shard: str, row: tuple[int, str, bytes, int]) -> Record:
    seq, key, data, arrived_us = row
    return Record(
        stream=stream, shard=shard, seq=seq_text(seq), partition_key=key, data=bytes(data), arrived_us=arrived_us
    )


def prepare(connection: sqlite3.Connection) -> None:
    """What `read_lane` needs of a connection. Once: it makes SQLite compile every statement anew."""
    connection.create_function("lane_of", 2, lane_of, deterministic=True)


def read_lane(
    connection: sqlite3.Connection,
    stream: str,
    shard: str,
    after: int,
    until: int | None,
    limit: int,
    lane: tuple[int, int],
) -> tuple[list[Record], int]:
    """Up to `limit` records of one lane (its index, and how many there are) behind `after` and up to `until`, and how
    far was looked: everything of the lane up to there is among them."""
    if lane[1] == 1 and until is None:  # everything is the lane's: what is there says how far was looked
        rows = connection.execute(f"{_RECORDS} ORDER BY r.seq LIMIT ?", (stream, shard, after, limit))
        records = [_record(stream, shard, row) for row in rows]
        return records, seq_number(records[-1].seq) if records else after
    last = newest(connection, stream, shard)
    if until is not None and (last is None or until < last):
        last = until
    if last is None or last <= after:
        return [], after
    condition = f" AND lane_of(r.partition_key, {lane[1]}) = {lane[0]}" if lane[1] > 1 else ""
    rows = connection.execute(
        f"{_RECORDS} AND r.seq <= ?{condition} ORDER BY r.seq LIMIT ?", (stream, shard, after, last, limit)
    )
    records = [_record(stream, shard, row) for row in rows]
    return records, seq_number(records[-1].seq) if len(records) == limit else last


def newest(connection: sqlite3.Connection, stream: str, shard: str) -> int | None:
    """The sequence number of the shard's newest record."""
    sql = "SELECT seq FROM record WHERE stream = ? AND shard = ? ORDER BY seq DESC LIMIT 1"
    row = connection.execute(sql, (stream, shard)).fetchone()
    return None if row is None else row[0]


def before_time(connection: sqlite3.Connection, stream: str, shard: str, time_us: int) -> int:
    """The sequence number after which the first record that arrived at or after `time_us` comes; the stream's last
    one where there is none."""
    ((first, last),) = connection.execute(
        "SELECT (SELECT min(seq) FROM record WHERE stream = ?1 AND shard = ?2 AND arrived_us >= ?3),"
        " (SELECT seq FROM stream WHERE name = ?1)",
        (stream, shard, time_us),
    ).fetchall()
    return (first - 1) if first is not None else (last or 0)


def trim_step(connection: sqlite3.Connection, stream: str, before_us: int) -> int:
    """From the front of each shard only, so that a clock set back leaves no gap in the ordinals."""
    gone = 0
    for shard in _shards_with_records(connection, stream):
        newest = None
        rows = connection.execute(
            "SELECT seq, arrived_us FROM record WHERE stream = ? AND shard = ? ORDER BY seq LIMIT ?",
            (stream, shard, STEP_ROWS),
        ).fetchall()
        for seq, arrived_us in rows:
            if arrived_us >= before_us:
                break
            newest = seq
        if newest is not None:
            gone += connection.execute(
                "DELETE FROM record WHERE stream = ? AND shard = ? AND seq <= ?", (stream, shard, newest)
            ).rowcount
    return gone


def trim_shards(connection: sqlite3.Connection, stream: str, before_us: int) -> None:
    """Forget shards that were closed before `before_us` and hold no record any more."""
    connection.execute(
        "DELETE FROM shard WHERE stream = ?1 AND closed_us < ?2"
        " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.stream = ?1 AND r.shard = shard.id)",
        (stream, before_us),
    )
    connection.execute("UPDATE stream SET epoch = epoch + 1 WHERE name = ?", (stream,))


def drop_step(connection: sqlite3.Connection, stream: str) -> int:
    """Some of the stream's records go; how many."""
    return connection.execute(
        "DELETE FROM record WHERE (stream, shard, seq) IN"
        " (SELECT stream, shard, seq FROM record WHERE stream = ? LIMIT ?)",
        (stream, STEP_ROWS),
    ).rowcount


def drop(connection: sqlite3.Connection, stream: str) -> None:
    """The stream goes, with what is left in it. Its counter stays: should it be made again, its numbers rise on."""
    connection.execute("DELETE FROM record WHERE stream = ?", (stream,))
    connection.execute("DELETE FROM shard WHERE stream = ?", (stream,))
    connection.execute(
        "UPDATE stream SET declared = NULL, created_us = NULL, epoch = epoch + 1 WHERE name = ?",
        (stream,),
    )


def save_checkpoint(connection: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO checkpoint(mapping, shard, lane, lanes, seq, attempts, failed_since_us, error,"
        " batch_end, window) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            pack_id(checkpoint.mapping),
            checkpoint.shard,
            checkpoint.lane,
            checkpoint.lanes,
            checkpoint.seq,
            checkpoint.attempts,
            checkpoint.failed_since_us,
            clean(checkpoint.error),
            checkpoint.batch_end,
            checkpoint.window,
        ),
    )


def save_lanes(connection: sqlite3.Connection, checkpoints: Sequence[Checkpoint]) -> None:
    """All lanes of one shard, in place of those that it had."""
    first = checkpoints[0]
    key = (pack_id(first.mapping), first.shard)
    connection.execute("DELETE FROM checkpoint WHERE mapping = ? AND shard = ?", key)
    for each in checkpoints:
        save_checkpoint(connection, each)


def begin(
    connection: sqlite3.Connection, mapping: str, state: StreamState, shard: str, position: int | str
) -> list[Checkpoint]:
    """Where a mapping stands in `shard`, lane by lane. `position`: TRIM_HORIZON, LATEST or a time in microseconds.

    A mapping that is new to the stream gets its places in all shards at once; for one that is not, a shard without a
    checkpoint came up meanwhile, and is read from its beginning.
    """
    key = pack_id(mapping)
    new = connection.execute("SELECT 1 FROM checkpoint WHERE mapping = ? LIMIT 1", (key,)).fetchone() is None
    for each in state.shards if new and position != "TRIM_HORIZON" else ():
        if position == "LATEST":
            ((newest,),) = connection.execute("SELECT seq FROM stream WHERE name = ?", (state.name,)).fetchall()
            at = newest if each.end is None else each.end
        else:
            at = before_time(connection, state.name, each.id, int(position))
        save_checkpoint(connection, Checkpoint(mapping=mapping, shard=each.id, seq=seq_text(at) if at else ""))
    rows = connection.execute(CHECKPOINTS, (key, shard)).fetchall()
    if rows:
        return [checkpoint_of(mapping, shard, row) for row in rows]
    checkpoint = Checkpoint(mapping=mapping, shard=shard)
    save_checkpoint(connection, checkpoint)
    return [checkpoint]


def checkpoint_of(mapping: str, shard: str, row: tuple) -> Checkpoint:  # type: ignore[type-arg]
    """From a row of CHECKPOINTS."""
    lane, lanes, seq, attempts, failed_since_us, error, batch_end, window = row
    return Checkpoint(
        mapping=mapping,
        shard=shard,
        lane=lane,
        lanes=lanes,
        seq=seq,
        attempts=attempts,
        failed_since_us=failed_since_us,
        error=error,
        batch_end=batch_end,
        window=window,
    )


def _shards_with_records(connection: sqlite3.Connection, stream: str) -> list[str]:
    rows = connection.execute(
        "WITH RECURSIVE s(name) AS (SELECT min(shard) FROM record WHERE stream = ?1 UNION ALL"
        " SELECT (SELECT min(shard) FROM record WHERE stream = ?1 AND shard > s.name) FROM s WHERE s.name IS NOT NULL)"
        " SELECT name FROM s WHERE name IS NOT NULL",
        (stream,),
    )
    return [name for (name,) in rows]
