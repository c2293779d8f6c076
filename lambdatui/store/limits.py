"""How much the store keeps, and in what portions it works. Every number that a reader may ask for stands here."""

from __future__ import annotations

from lambdatui.clock import MICROS

# History: whichever is reached first.
HISTORY_AGE_US = 7 * 86_400 * MICROS
HISTORY_BYTES = 512 * 1024 * 1024
MAX_INVOCATIONS = 100_000
MAX_LOG_LINES = 1_000_000
MAX_HAPPENINGS = 10_000
MINUTES_KEPT = 24 * 60  # metric minutes older than this are rolled up to hours
SNAPSHOTS_KEPT = 5  # of each function's code, beside those that an invocation still names

# A step of trimming is one transaction; other writes pass between two steps.
STEP_ROWS = 2_000
STEP_INVOCATIONS = 200
STEP_BYTES = 4 * 1024 * 1024  # of messages and payloads; at least one row
STEP_VACUUM_PAGES = 1_000
TIDY_EVERY_S = 30.0
COLLECT_EVERY = 20  # tidyings: code that nothing names is looked for every ten minutes

# Buffering.
FLUSH_S = 0.2
FLUSH_PAUSE_S = 0.02  # between two flushes that somebody waits for
FLUSH_ROWS = 5_000  # a flush does not wait for its time when so many rows are there
FLUSH_BYTES = 256 * 1024  # or so much of log
BACKLOG_BYTES = 768 * 1024  # of log that waits for the disk: then the functions that write it wait too
BUFFER_ROWS = 200_000  # while nothing can be written, the oldest rows beyond this are dropped and counted
ID_BLOCK = 100_000  # ids are reserved on disk in blocks: what a crash leaves unused is never given again

# Queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html
DEDUPLICATION_US = 5 * 60 * MICROS
LONGEST_FLIGHT_US = 12 * 3600 * MICROS  # from the receive on, however often the visibility is changed
MOVES_KEPT = 10  # message move tasks of a queue that are listed
MOVED_PER_RECEIVE = 1_000  # messages that one receive may redrive or expire

PENDING_BYTES = 16 * 1024 * 1024  # payload bytes that one look at the pending events brings into memory
CHECK_BYTES = 32 * 1024 * 1024  # databases up to this size are checked whole when they are opened
DIFF_LINES = 2_000
