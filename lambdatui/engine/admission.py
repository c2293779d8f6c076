"""Who may run: reserved concurrency, the unreserved pool and the account limit. Pure; knows no process and no clock.

Facts: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

from collections import Counter

MINIMUM_UNRESERVED = 100

RESERVED_LIMIT = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_LIMIT = "ConcurrentInvocationLimitExceeded"


class Admission:
    """Counts what runs and says no at the limits.

    A function with a reserve has it to itself and is throttled at it; all others share what is left of the account.
    """

    def __init__(self, account_limit: int = 1000) -> None:
        self.account_limit = account_limit
        self._reserved: dict[str, int] = {}
        self._used: Counter[str] = Counter()

    def admit(self, function: str) -> str | None:
        """Take a slot and return None, or take nothing and return AWS's reason for the throttle."""
        reserve = self._reserved.get(function)
        if reserve is not None:
            if self._used[function] >= reserve:
                return RESERVED_LIMIT
        elif self.unreserved_in_use() >= self.unreserved_limit():
            return ACCOUNT_LIMIT
        self._used[function] += 1
        return None

    def release(self, function: str) -> None:
        """Give a slot back that `admit` gave."""
        if self._used[function] <= 0:
            raise ValueError(f"{function} holds no slot")
        self._used[function] -= 1

    def set_reserved(self, function: str, value: int | None) -> None:
        """Change or remove a reserve; what runs already goes on."""
        if value is None:
            self._reserved.pop(function, None)
        else:
            self._reserved[function] = value

    def reserved(self, function: str) -> int | None:
        return self._reserved.get(function)

    def refusal(self, function: str, value: int) -> str | None:
        """AWS's sentence where a reserve of `value` would leave the others less than the minimum."""
        others = sum(reserve for name, reserve in self._reserved.items() if name != function)
        if self.account_limit - others - value < MINIMUM_UNRESERVED:
            return (
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{MINIMUM_UNRESERVED}]."
            )
        return None

    def unreserved_limit(self) -> int:
        return max(0, self.account_limit - sum(self._reserved.values()))

    def unreserved_in_use(self) -> int:
        return sum(used for name, used in self._used.items() if used and name not in self._reserved)

    def headroom(self, function: str) -> int:
        """How many more invocations of `function` would be admitted now."""
        reserve = self._reserved.get(function)
        if reserve is not None:
            return max(0, reserve - self._used[function])
        return max(0, self.unreserved_limit() - self.unreserved_in_use())

    def used(self, function: str) -> int:
        return self._used[function]

    def total(self) -> int:
        return self._used.total()
