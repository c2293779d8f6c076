"""Lambda's CloudWatch metrics by name: how each is aggregated, its unit, and which dimensions it has.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["sum", "distribution", "maximum"]
# Whose figure it is: `function` (and its resources, and the account's total), `account` alone, `mapping` alone.
Scope = Literal["function", "account", "mapping"]


class Metric(msgspec.Struct, frozen=True):
    """One metric. `help` says in a sentence what it counts."""

    name: str
    kind: Kind
    unit: str  # CloudWatch's
    help: str
    scope: Scope = "function"


INVOCATIONS, ERRORS, THROTTLES = "Invocations", "Errors", "Throttles"
DURATION, ITERATOR_AGE, CONCURRENT = "Duration", "IteratorAge", "ConcurrentExecutions"
UNRESERVED, CLAIMED = "UnreservedConcurrentExecutions", "ClaimedAccountConcurrency"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(INVOCATIONS, "sum", "Count", "Times that code was invoked, failed ones included, throttled ones not."),
        Metric(ERRORS, "sum", "Count", "Invocations that ended in an error: exceptions, timeouts, the runtime's own."),
        Metric(THROTTLES, "sum", "Count", "Requests refused for lack of concurrency."),
        Metric("DeadLetterErrors", "sum", "Count", "Events that could not be sent to a dead-letter queue."),
        Metric("DestinationDeliveryFailures", "sum", "Count", "Records that could not be sent to a destination."),
        Metric("ProvisionedConcurrencyInvocations", "sum", "Count", "Invocations in provisioned concurrency."),
        Metric(
            "ProvisionedConcurrencySpilloverInvocations",
            "sum",
            "Count",
            "Invocations beside provisioned concurrency while all of it was in use.",
        ),
        Metric("RecursiveInvocationsDropped", "sum", "Count", "Invocations stopped because they were a loop."),
        Metric("AsyncEventsReceived", "sum", "Count", "Asynchronous events that were queued."),
        Metric("AsyncEventsDropped", "sum", "Count", "Asynchronous events that were given up."),
        Metric(DURATION, "distribution", "Milliseconds", "Time in the handler; init is not in it."),
        Metric(ITERATOR_AGE, "distribution", "Milliseconds", "Age of a batch's last record when it was received."),
        Metric("AsyncEventAge", "distribution", "Milliseconds", "From an event's acceptance to its invocation."),
        Metric(CONCURRENT, "maximum", "Count", "Invocations that run."),
        Metric(
            "ProvisionedConcurrentExecutions", "maximum", "Count", "Invocations that run in provisioned concurrency."
        ),
        Metric(
            "ProvisionedConcurrencyUtilization", "maximum", "Count", "Share of provisioned concurrency that is in use."
        ),
        Metric(UNRESERVED, "maximum", "Count", "Invocations of functions without a reserve.", "account"),
        Metric(CLAIMED, "maximum", "Count", "Concurrency that on-demand calls cannot have.", "account"),
        Metric("PolledEventCount", "sum", "Count", "Events that a mapping read.", "mapping"),
        Metric("FilteredOutEventCount", "sum", "Count", "Events that a mapping's filters passed over.", "mapping"),
        Metric("InvokedEventCount", "sum", "Count", "Events that a mapping invoked the function with.", "mapping"),
        Metric("FailedInvokeEventCount", "sum", "Count", "Events of a mapping whose invocation failed.", "mapping"),
        Metric("DroppedEventCount", "sum", "Count", "Events that a mapping gave up for age or retries.", "mapping"),
        Metric(
            "OnFailureDestinationDeliveredEventCount",
            "sum",
            "Count",
            "Events of a mapping that were sent to its on-failure destination.",
            "mapping",
        ),
        Metric("DeletedEventCount", "sum", "Count", "Events of a mapping that were deleted when done.", "mapping"),
    )
}
# Ours, beside CloudWatch's: what the invocations would be billed.
BILLED_MS, BILLED_GB_SECONDS, COST_USD = "BilledDuration", "BilledGBSeconds", "CostUSD"
SUMS = tuple(m.name for m in METRICS.values() if m.kind == "sum" and m.scope == "function")
DISTRIBUTIONS = tuple(m.name for m in METRICS.values() if m.kind == "distribution")
MAXIMA = tuple(m.name for m in METRICS.values() if m.kind == "maximum")
MAPPING = tuple(m.name for m in METRICS.values() if m.scope == "mapping")
