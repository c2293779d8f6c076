"""Who may run: account limit, reserves, provisioned concurrency, scaling rate, requests a second.

Pure; knows no process, and time only through its clock. Every method is O(1) but the rare ones that sum reserves.
Facts: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lambdatui.engine.scaling import BurstModel, Scaling, buckets
from lambdatui.engine.token_bucket import TokenBucket

MINIMUM_UNRESERVED = 100
# Synchronous requests a second for each unit of concurrency; a second's worth may come at once.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
REQUESTS_PER_CONCURRENCY = 10


class Refusal(NamedTuple):
    """Why a call is throttled: AWS's Reason, and words for people."""

    reason: str
    words: str


ACCOUNT = Refusal("ConcurrentInvocationLimitExceeded", "the account's concurrency is in use")
RESERVED = Refusal("ReservedFunctionConcurrentInvocationLimitExceeded", "its reserve is in use")
HOST = Refusal("ConcurrentInvocationLimitExceeded", "this machine's --max-environments are in use")
SCALING = Refusal("ConcurrentInvocationLimitExceeded", "it scales no faster")
RATE = Refusal("FunctionInvocationRateLimitExceeded", "10 requests a second for each unit of concurrency")
RESERVED_RATE = Refusal(
    "ReservedFunctionInvocationRateLimitExceeded", "10 requests a second for each unit of its reserve"
)


class _Function:
    __slots__ = ("name", "provisioned", "provisioned_used", "ready", "requests", "reserve", "scaling", "used")

    def __init__(self, name: str, scaling: Scaling) -> None:
        self.name = name
        self.reserve: int | None = None
        self.used = 0  # all slots
        self.provisioned_used = 0  # those of them in provisioned concurrency that is ready
        self.provisioned = 0  # provisioned concurrency that was asked for
        self.ready = 0  # environments of it that are there: set aside, nothing else can use their concurrency
        self.requests: TokenBucket | None = None  # of its reserve
        self.scaling = scaling


class _Provisioned:
    __slots__ = ("function", "ready", "requested", "requests", "used")

    def __init__(self, function: _Function, now: float) -> None:
        self.function = function
        self.requested = 0
        self.ready = 0
        self.used = 0  # more than are ready while calls end in environments that are let go: those are on demand
        self.requests = TokenBucket(0.0, 0.0, now)


class Slot:
    """The right to run once. `provisioned`: in provisioned concurrency; `spilled`: beside it, where there is some."""

    __slots__ = ("_function", "_provisioned", "held", "spilled")

    def __init__(self, function: _Function, provisioned: _Provisioned | None, spilled: bool) -> None:
        self._function = function
        self._provisioned = provisioned
        self.spilled = spilled
        self.held = True

    @property
    def function(self) -> str:
        return self._function.name

    @property
    def provisioned(self) -> bool:
        return self._provisioned is not None


class Admission:
    """Counts what runs and says no at the limits.

    A function with a reserve has it to itself and is throttled at it; all others share what is left of the account.
    Provisioned concurrency is a part of the reserve, or of what the others share; the calls of its version or alias
    take it first, and spill over. It is named by a key of the caller's choice.
    """

    def __init__(
        self,
        account_limit: int = 1000,
        *,
        clock: Callable[[], float],
        burst_model: BurstModel = "current",
        region: str = "us-east-1",
    ) -> None:
        now = clock()
        self.account_limit = account_limit
        self._clock = clock
        self._bucket = buckets(burst_model, region, now)
        self._functions: dict[str, _Function] = {}
        self._provisioned: dict[str, _Provisioned] = {}
        self._total = 0
        # Of the functions without a reserve:
        self._unreserved = account_limit  # what they share
        self._unreserved_used = 0
        self._unreserved_provisioned_used = 0
        self._unreserved_ready = 0
        self._requests = TokenBucket(
            account_limit * REQUESTS_PER_CONCURRENCY, account_limit * REQUESTS_PER_CONCURRENCY, now
        )

    # --- the hot path

    def admit(self, name: str, key: str | None = None, *, synchronous: bool = True) -> Slot | Refusal:
        """Take a slot, or nothing and say why. `key` names the provisioned concurrency that the call may use."""
        now = self._clock()
        function = self._functions.get(name) or self._function(name)
        reserve = function.reserve
        if reserve is None:
            if self._unreserved_used >= self._unreserved or self._total >= self.account_limit:
                return ACCOUNT
            requests: TokenBucket | None = self._requests
        else:
            if function.used >= reserve:
                return RESERVED
            if self._total >= self.account_limit:  # others run in what this reserve has been taken from
                return ACCOUNT
            requests = function.requests
        if synchronous and requests is not None and requests.available(now) < 1.0:
            return RATE if reserve is None else RESERVED_RATE
        provisioned = self._provisioned.get(key) if key is not None else None
        if provisioned is not None and self._fits(provisioned, now, synchronous):
            slot = Slot(function, provisioned, spilled=False)
            provisioned.used += 1
            function.provisioned_used += 1
            if reserve is None:
                self._unreserved_provisioned_used += 1
            if synchronous:
                provisioned.requests.take()
        else:
            if self._on_demand_room(function) <= 0:
                return ACCOUNT if reserve is None else RESERVED
            if not function.scaling.take(function.used - function.provisioned_used, now):
                return SCALING
            slot = Slot(function, None, spilled=provisioned is not None)
        function.used += 1
        self._total += 1
        if reserve is None:
            self._unreserved_used += 1
        if synchronous and requests is not None:
            requests.take()
        return slot

    def release(self, slot: Slot) -> None:
        """Give a slot back that `admit` gave. ValueError for one that was given back before."""
        function, provisioned = slot._function, slot._provisioned
        if not slot.held:
            raise ValueError(f"{function.name} holds no such slot")
        slot.held = False
        function.used -= 1
        self._total -= 1
        if function.reserve is None:
            self._unreserved_used -= 1
        if provisioned is not None:
            if provisioned.used <= provisioned.ready:
                function.provisioned_used -= 1
                if function.reserve is None:
                    self._unreserved_provisioned_used -= 1
            provisioned.used -= 1

    @staticmethod
    def _fits(provisioned: _Provisioned, now: float, synchronous: bool) -> bool:
        """Each environment of it serves ten synchronous requests a second; more spill over."""
        if provisioned.used >= provisioned.ready:
            return False
        return not synchronous or provisioned.requests.available(now) >= 1.0

    def _on_demand_room(self, function: _Function) -> int:
        if function.reserve is not None:
            return function.reserve - function.ready - (function.used - function.provisioned_used)
        used = self._unreserved_used - self._unreserved_provisioned_used
        return self._unreserved - self._unreserved_ready - used

    def _function(self, name: str) -> _Function:
        found = self._functions.get(name)
        if found is None:
            found = self._functions[name] = _Function(name, Scaling(self._bucket(), self._clock()))
        return found

    # --- reserves

    def set_reserved(self, name: str, value: int | None) -> None:
        """Change or remove a reserve; what runs already goes on."""
        function = self._functions.get(name)
        if function is None:
            if value is None:
                return
            function = self._function(name)
        if function.reserve == value:
            return
        now = self._clock()
        self._share(function, -1)
        function.reserve = value
        self._share(function, 1)
        if value is None:
            function.requests = None
        else:
            rate = value * REQUESTS_PER_CONCURRENCY
            if function.requests is None:
                function.requests = TokenBucket(rate, rate, now)
            else:
                function.requests.resize(rate, rate, now)
        reserves = sum(one.reserve for one in self._functions.values() if one.reserve is not None)
        self._unreserved = max(0, self.account_limit - reserves)
        rate = self._unreserved * REQUESTS_PER_CONCURRENCY
        self._requests.resize(rate, rate, now)

    def _share(self, function: _Function, sign: int) -> None:
        """Count the function among those without a reserve, or no longer; nothing for one that has a reserve."""
        if function.reserve is None:
            self._unreserved_used += sign * function.used
            self._unreserved_provisioned_used += sign * function.provisioned_used
            self._unreserved_ready += sign * function.ready

    def reserved(self, name: str) -> int | None:
        function = self._functions.get(name)
        return function.reserve if function is not None else None

    def refusal(self, name: str, value: int) -> str | None:
        """AWS's sentence where the function cannot have a reserve of `value`."""
        provisioned = self._functions[name].provisioned if name in self._functions else 0
        if value < provisioned:
            return (
                f"ReservedConcurrentExecutions  {value} should not be lower than function's total provisioned "
                f"concurrency [{provisioned}]."
            )
        if self.account_limit - self._claimed(without=name) - value < MINIMUM_UNRESERVED:
            return (
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{MINIMUM_UNRESERVED}]."
            )
        return None

    def _claimed(self, without: str | None = None) -> int:
        """What reserves take of the account, and provisioned concurrency outside of any."""
        return sum(
            one.provisioned if one.reserve is None else one.reserve
            for one in self._functions.values()
            if one.name != without
        )

    # --- provisioned concurrency

    def set_provisioned(self, name: str, key: str, requested: int, ready: int) -> None:
        """What was asked for under `key`, and how many environments of it are there; 0 asked for removes it.

        What runs already goes on: on demand, where its environment is no longer among those.
        """
        now = self._clock()
        function = self._function(name)
        found = self._provisioned.get(key)
        if found is None:
            found = self._provisioned[key] = _Provisioned(function, now)
        function.provisioned += requested - found.requested
        function.ready += ready - found.ready
        more_used = min(found.used, ready) - min(found.used, found.ready)
        function.provisioned_used += more_used
        if function.reserve is None:
            self._unreserved_ready += ready - found.ready
            self._unreserved_provisioned_used += more_used
        found.requested, found.ready = requested, ready
        rate = ready * REQUESTS_PER_CONCURRENCY
        found.requests.resize(rate, rate, now)
        if requested == 0 and ready == 0:
            del self._provisioned[key]

    def provisioned_refusal(self, name: str, value: int, instead_of: int = 0) -> str | None:
        """AWS's sentence where the function cannot have `value` more provisioned concurrency than it has, but for
        `instead_of`, which it replaces.
        """
        function = self._function(name)
        sum_ = function.provisioned - instead_of + value
        if function.reserve is not None:
            if sum_ > function.reserve:
                return (
                    "Requested Provisioned Concurrency should not be greater than the "
                    "reservedConcurrentExecution for function"
                )
            return None
        left = self.account_limit - self._claimed() + instead_of
        if value > left:
            return (
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
                f"[{max(0, left)}]."
            )
        if left - value < MINIMUM_UNRESERVED:
            return (
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
                f"its minimum value of [{MINIMUM_UNRESERVED}]."
            )
        return None

    def provisioned_used(self, key: str) -> int:
        found = self._provisioned.get(key)
        return found.used if found is not None else 0

    # --- figures

    def unreserved_limit(self) -> int:
        """The account's UnreservedConcurrentExecutions: what neither reserves nor provisioned concurrency take."""
        return max(0, self.account_limit - self._claimed())

    def unreserved_in_use(self) -> int:
        return self._unreserved_used

    def claimed(self) -> int:
        """ClaimedAccountConcurrency: what no function could get on demand, run by reserve, allocation or use."""
        on_demand = self._unreserved_used - self._unreserved_provisioned_used
        return on_demand + (self.account_limit - self._unreserved) + self._unreserved_ready

    def headroom(self, name: str, key: str | None = None) -> int:
        """How many more asynchronous invocations would be admitted now."""
        function = self._function(name)
        now = self._clock()
        if function.reserve is None:
            most = self._unreserved - self._unreserved_used
        else:
            most = function.reserve - function.used
        most = min(most, self.account_limit - self._total)
        room = min(
            self._on_demand_room(function),
            function.scaling.room(function.used - function.provisioned_used, now),
        )
        provisioned = self._provisioned.get(key) if key is not None else None
        free = max(0, provisioned.ready - provisioned.used) if provisioned is not None else 0
        return max(0, min(most, max(0, room) + free))

    def used(self, name: str) -> int:
        function = self._functions.get(name)
        return function.used if function is not None else 0

    def total(self) -> int:
        return self._total
