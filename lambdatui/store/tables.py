"""The tables of both databases, as migrations from version 1. A published migration is never changed: add the next."""

from __future__ import annotations

LOG_BLOCK = 512  # ids of log lines in a row of `log_block`: its key, which no version may change

PAYLOAD = """CREATE TABLE payload (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    refs INTEGER NOT NULL,
    data BLOB NOT NULL)"""


def _release(table: str, *columns: str) -> str:
    """A trigger that gives up a deleted row's payloads: no delete, however made, can leave one behind."""
    steps = "".join(
        f"DELETE FROM payload WHERE id = OLD.{column} AND refs <= 1;"
        f"UPDATE payload SET refs = refs - 1 WHERE id = OLD.{column};"
        for column in columns
    )
    return f"CREATE TRIGGER {table}_gone AFTER DELETE ON {table} BEGIN {steps} END"


STATE: tuple[tuple[str, ...], ...] = (
    (
        PAYLOAD,
        # Leases are the engine's memory: after a crash everything that is here is due again.
        """CREATE TABLE event (
            seq INTEGER PRIMARY KEY, request_id BLOB NOT NULL UNIQUE, visible_us INTEGER NOT NULL,
            function TEXT NOT NULL, payload INTEGER NOT NULL, accepted_us INTEGER NOT NULL, attempt INTEGER NOT NULL,
            client_context TEXT, source TEXT NOT NULL, parent_id BLOB, throttles INTEGER NOT NULL, error_type TEXT,
            error_message TEXT)""",
        # `function` stands in it so that a function's backlog can be passed over without reading its rows.
        "CREATE INDEX event_due ON event(visible_us, seq, function)",
        _release("event", "payload"),
        """CREATE TABLE message (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, queue TEXT NOT NULL,
            visible_us INTEGER NOT NULL, sent_us INTEGER NOT NULL, receive_count INTEGER NOT NULL DEFAULT 0,
            first_received_us INTEGER, receipt BLOB, group_id TEXT, dedup_id TEXT, payload INTEGER NOT NULL,
            attributes BLOB, function TEXT, request_id BLOB, error_code TEXT, error_message TEXT,
            attempts INTEGER NOT NULL DEFAULT 0, first_us INTEGER, last_us INTEGER,
            replaying INTEGER NOT NULL DEFAULT 0)""",
        "CREATE INDEX message_due ON message(queue, visible_us)",
        "CREATE INDEX message_order ON message(queue)",
        "INSERT INTO sqlite_sequence(name, seq) VALUES ('message', 0)",
        _release("message", "payload"),
        """CREATE TABLE dedup (
            queue TEXT NOT NULL, dedup_id TEXT NOT NULL, expires_us INTEGER NOT NULL, message_id BLOB NOT NULL,
            seq INTEGER NOT NULL, PRIMARY KEY (queue, dedup_id)) WITHOUT ROWID""",
        "CREATE INDEX dedup_expires ON dedup(expires_us)",
        "CREATE TABLE stream (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
        # `ordinal` counts within the shard without gaps: a backlog is a difference of two of them.
        """CREATE TABLE record (
            stream TEXT NOT NULL, shard TEXT NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
            partition_key TEXT NOT NULL, payload INTEGER NOT NULL, arrived_us INTEGER NOT NULL,
            PRIMARY KEY (stream, shard, seq)) WITHOUT ROWID""",
        _release("record", "payload"),
        """CREATE TABLE checkpoint (
            mapping BLOB NOT NULL, shard TEXT NOT NULL, seq TEXT NOT NULL, attempts INTEGER NOT NULL,
            failed_since_us INTEGER, error TEXT, batch_end TEXT, PRIMARY KEY (mapping, shard)) WITHOUT ROWID""",
        """CREATE TABLE override (
            function TEXT NOT NULL, property TEXT NOT NULL, value TEXT NOT NULL, base TEXT NOT NULL,
            PRIMARY KEY (function, property)) WITHOUT ROWID""",
    ),
    (
        # `config` and `base` are JSON objects of fields of the kind's configuration: config.made.Made.
        """CREATE TABLE made (
            kind TEXT NOT NULL, name TEXT NOT NULL, own INTEGER NOT NULL, config TEXT NOT NULL, base TEXT NOT NULL,
            created_us INTEGER NOT NULL, modified_us INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID""",
        "ALTER TABLE message ADD COLUMN received_us INTEGER",  # by the holder of `receipt`
        "ALTER TABLE message ADD COLUMN trace_header TEXT",
        "ALTER TABLE message ADD COLUMN source TEXT",  # the queue that a redrive took it from
        """CREATE TABLE move (
            id BLOB PRIMARY KEY, source TEXT NOT NULL, destination TEXT, rate INTEGER, status TEXT NOT NULL,
            started_us INTEGER NOT NULL, last_seq INTEGER NOT NULL, to_move INTEGER NOT NULL, moved INTEGER NOT NULL,
            failure TEXT) WITHOUT ROWID""",
    ),
    (
        # `declared` NULL: the stream is not there (any more), or was last written before shards were kept.
        "ALTER TABLE stream ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE stream ADD COLUMN declared INTEGER",
        "ALTER TABLE stream ADD COLUMN created_us INTEGER",
        # Hash keys have 128 bits, so they are text.
        """CREATE TABLE shard (
            stream TEXT NOT NULL, id TEXT NOT NULL, first_key TEXT NOT NULL, last_key TEXT NOT NULL,
            parents TEXT NOT NULL, start_seq INTEGER NOT NULL, end_seq INTEGER, opened_us INTEGER NOT NULL,
            closed_us INTEGER, PRIMARY KEY (stream, id)) WITHOUT ROWID""",
    ),
    ("ALTER TABLE event ADD COLUMN qualifier TEXT",),
    (
        # A shard has one checkpoint for each of its `lanes`. `window`: msgpack of the tumbling window that is open.
        "ALTER TABLE checkpoint RENAME TO checkpoint_by_shard",
        """CREATE TABLE checkpoint (
            mapping BLOB NOT NULL, shard TEXT NOT NULL, lane INTEGER NOT NULL, lanes INTEGER NOT NULL,
            seq TEXT NOT NULL, attempts INTEGER NOT NULL, failed_since_us INTEGER, error TEXT, batch_end TEXT,
            window BLOB, PRIMARY KEY (mapping, shard, lane)) WITHOUT ROWID""",
        """INSERT INTO checkpoint SELECT mapping, shard, 0, 1, seq, attempts, failed_since_us, error, batch_end, NULL
            FROM checkpoint_by_shard""",
        "DROP TABLE checkpoint_by_shard",
    ),
    ("ALTER TABLE event ADD COLUMN trace_header TEXT",),
    (
        # By function: what one function has waiting is never looked at for another's sake.
        "DROP INDEX event_due",
        "CREATE INDEX event_of_function ON event(function, visible_us, seq, request_id)",
    ),
    # What a start looks for among all messages; hardly any has an entry in it.
    ("CREATE INDEX message_replaying ON message(seq) WHERE replaying <> 0",),
)

HISTORY: tuple[tuple[str, ...], ...] = (
    (
        PAYLOAD,
        "CREATE TABLE counter (name TEXT PRIMARY KEY, reserved INTEGER NOT NULL) WITHOUT ROWID",
        """CREATE TABLE invocation (
            id INTEGER PRIMARY KEY, request_id BLOB NOT NULL, function TEXT NOT NULL, version TEXT NOT NULL,
            type TEXT NOT NULL, source TEXT NOT NULL, status TEXT NOT NULL, started_us INTEGER NOT NULL,
            error_type TEXT, error_message TEXT, queued_us INTEGER NOT NULL, init_us INTEGER, duration_us INTEGER,
            billed_ms INTEGER, max_memory_mb INTEGER, attempt INTEGER NOT NULL, cold INTEGER NOT NULL,
            environment TEXT, code_sha TEXT NOT NULL, parent_id BLOB, replay_of BLOB, event INTEGER NOT NULL,
            result INTEGER, error TEXT, frames BLOB)""",
        "CREATE INDEX invocation_request ON invocation(request_id)",
        "CREATE INDEX invocation_function ON invocation(function)",
        _release("invocation", "event", "result"),
        """CREATE TABLE log (
            id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, function TEXT NOT NULL, request_id BLOB,
            level TEXT NOT NULL, message TEXT NOT NULL)""",
        "CREATE INDEX log_request ON log(request_id) WHERE request_id IS NOT NULL",
        # `histogram` is msgpack of {bucket: count}
        """CREATE TABLE metric (
            minute INTEGER NOT NULL, function TEXT NOT NULL, name TEXT NOT NULL, sum REAL NOT NULL, max REAL NOT NULL,
            last REAL, histogram BLOB, PRIMARY KEY (minute, function, name)) WITHOUT ROWID""",
        """CREATE TABLE happening (
            id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, kind TEXT NOT NULL, function TEXT,
            message TEXT NOT NULL)""",
        """CREATE TABLE code (
            function TEXT NOT NULL, sha TEXT NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
            PRIMARY KEY (function, sha)) WITHOUT ROWID""",
    ),
    (
        # Dimensions: telemetry.metrics.Dimensions. `least` and `samples` NULL: from before they were kept.
        "ALTER TABLE metric RENAME TO metric_by_function",
        """CREATE TABLE metric (
            minute INTEGER NOT NULL, function TEXT NOT NULL, name TEXT NOT NULL, resource TEXT NOT NULL,
            version TEXT NOT NULL, mapping TEXT NOT NULL, sum REAL NOT NULL, least REAL, max REAL NOT NULL,
            samples INTEGER, last REAL, histogram BLOB,
            PRIMARY KEY (minute, function, name, resource, version, mapping)) WITHOUT ROWID""",
        """INSERT INTO metric SELECT minute, function, name,
            CASE WHEN name = 'ConcurrentExecutions' THEN '' ELSE function END, '', '', sum, NULL, max, NULL, last,
            histogram FROM metric_by_function""",
        "DROP TABLE metric_by_function",
        "ALTER TABLE invocation ADD COLUMN qualifier TEXT",
        "ALTER TABLE invocation ADD COLUMN provisioned INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE invocation ADD COLUMN cost_usd REAL",
    ),
    (
        # AUTOINCREMENT: lines of a group or stream that was deleted keep its number, which must not become another's.
        # `tags` is JSON; `retention_days` NULL: for ever (which here ends with the line's own retention).
        """CREATE TABLE log_group (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, created_us INTEGER NOT NULL,
            retention_days INTEGER, tags TEXT NOT NULL DEFAULT '{}')""",
        """CREATE TABLE log_stream (
            id INTEGER PRIMARY KEY AUTOINCREMENT, log_group INTEGER NOT NULL, name TEXT NOT NULL,
            created_us INTEGER NOT NULL, last_us INTEGER, UNIQUE (log_group, name))""",
        "ALTER TABLE log ADD COLUMN log_group INTEGER",
        "ALTER TABLE log ADD COLUMN stream INTEGER",
        "CREATE INDEX log_group_time ON log(log_group, time_us) WHERE log_group IS NOT NULL",
        "CREATE INDEX log_stream_time ON log(stream, time_us) WHERE stream IS NOT NULL",
    ),
    (
        "ALTER TABLE invocation ADD COLUMN runtime_us INTEGER",
        "ALTER TABLE invocation ADD COLUMN libraries_us INTEGER",
        "ALTER TABLE invocation ADD COLUMN own_us INTEGER",
        "ALTER TABLE invocation ADD COLUMN overhead_us INTEGER",
        "ALTER TABLE invocation ADD COLUMN forked INTEGER NOT NULL DEFAULT 0",
        # The last fresh init of each function; `tree` is zlib of the JSON of profiles.ImportTree.
        """CREATE TABLE init (
            function TEXT PRIMARY KEY, version TEXT NOT NULL, code_sha TEXT NOT NULL, at_us INTEGER NOT NULL,
            init_us INTEGER NOT NULL, runtime_us INTEGER NOT NULL, libraries_us INTEGER NOT NULL,
            own_us INTEGER NOT NULL, tree BLOB NOT NULL)""",
    ),
    (
        # What would be an index on each line, or each invocation: store.log_blocks, store.code_uses.
        """CREATE TABLE log_block (
            block INTEGER NOT NULL, function TEXT NOT NULL, newest_us INTEGER NOT NULL, levels INTEGER NOT NULL,
            PRIMARY KEY (block, function)) WITHOUT ROWID""",
        # Of lines that are here already nobody knows: of any level, and from any time.
        f"""INSERT INTO log_block SELECT DISTINCT id / {LOG_BLOCK}, function, {(1 << 62)}, {(1 << 62) - 1}
            FROM log""",
        "CREATE TABLE code_use (sha TEXT PRIMARY KEY, last_invocation INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO code_use SELECT code_sha, max(id) FROM invocation GROUP BY code_sha",
    ),
)
