"""Retries of transient failures, within the request's deadline and a budget per upstream.

Unlimited retries would prolong an upstream's outage. So a retry takes tokens from the upstream's bucket; good answers
and time put some back. While the bucket is empty, failures are raised at once.
"""

import asyncio
import random as _random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import ServerFault, TimedOut, Unreachable, UpstreamError

T = TypeVar("T")

MENDABLE = (ServerFault, Unreachable, TimedOut)
# At most three attempts a request, as in Google's SRE book and the AWS SDKs.
ATTEMPTS = 3
# The first pause is between half of this and all of it; the next one is twice as long.
PAUSE_S = 0.2
# With less time than this left there is no retry: searches take about this long.
USEFUL_S = 0.3

# The weights of the AWS SDKs' retry quota: a time-out occupies a slot for long, so it costs double; a good answer puts
# back one token, or the cost of the retry that returned it.
RETRY_COST = 5.0
TIMEOUT_COST = 10.0
GOOD_ANSWER = 1.0
# Their bucket of 500 is for hundreds of calls a second. At four, twenty retries in a row are enough to learn that an
# upstream is down.
CAPACITY = 100.0
# Finagle's floor: with only a share of the good answers, a quiet service could never retry. One token a second is a
# retry every 5 s, a twentieth of the calls at 4 a second (Google's SRE book: under a tenth).
REFILL_PER_S = 1.0


class Budget:
    """A bucket of tokens; each retry takes some."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens, self._at = CAPACITY, clock()

    @property
    def left(self) -> float:
        """Tokens in the bucket now."""
        return min(CAPACITY, self._tokens + (self._clock() - self._at) * REFILL_PER_S)

    def spend(self, cost: float) -> bool:
        """Take `cost` tokens and return true; take none and return false if there are fewer."""
        left = self.left
        if left < cost:
            return False
        self._tokens, self._at = left - cost, self._clock()
        return True

    def put_back(self, tokens: float) -> None:
        """Put tokens back, up to the capacity."""
        self._tokens, self._at = self.left + tokens, self._clock()


class Retries:
    """Retries the calls of one upstream.

    For the metrics: `attempts` counts attempts, `retried` the retries among them by the code of the failure before,
    `denied` the retries that the budget did not allow. Attempts count when sent, so that a hanging upstream shows
    immediately.
    """

    def __init__(
        self,
        *,
        attempt_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = _random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`attempt_s` is the longest a single attempt may take, in seconds."""
        self._attempt_s, self._sleep, self._random, self._clock = attempt_s, sleep, random, clock
        self.budget = Budget(clock=clock)
        self.attempts = 0
        self.retried: Counter[str] = Counter()
        self.denied = 0

    async def call(self, attempt: Callable[[float], Awaitable[T]], *, within_s: float) -> T:
        """Return the result of `attempt`, retrying after ServerFault, Unreachable and TimedOut.

        `attempt` gets the seconds it may take, and raises TimedOut itself after them. A Retry-After is honoured when
        there is time for it. Raises the last attempt's error; any other error, such as Blocked, RateLimited or
        Suspended, is raised at once.
        """
        deadline = Deadline(within_s, self._clock)
        cause: UpstreamError | None = None

        async def once() -> T:
            self.attempts += 1
            if cause is not None:
                self.retried[cause.code] += 1
            return await attempt(min(self._attempt_s, deadline.remaining()))

        def gives_up(state: RetryCallState) -> bool:
            nonlocal cause
            failure = _failure(state)
            if state.attempt_number >= ATTEMPTS or deadline.remaining() < state.upcoming_sleep + USEFUL_S:
                return True
            if not self.budget.spend(_cost(failure)):
                self.denied += 1
                return True
            cause = failure
            return False

        policy = AsyncRetrying(
            retry=retry_if_exception_type(MENDABLE),
            wait=self._pause,
            stop=gives_up,
            sleep=self._sleep,
            reraise=True,
        )
        answer: T = await policy(once)
        self.budget.put_back(GOOD_ANSWER if cause is None else _cost(cause))
        return answer

    def _pause(self, state: RetryCallState) -> float:
        """Return the upstream's Retry-After plus a pause that doubles, with jitter so that callers spread out."""
        longest = PAUSE_S * 2.0 ** (state.attempt_number - 1)
        return (_failure(state).retry_after_s or 0.0) + longest * (1 + self._random()) / 2


def _failure(state: RetryCallState) -> UpstreamError:
    """Return the attempt's error; called only after one of MENDABLE."""
    return cast("UpstreamError", state.outcome and state.outcome.exception())


def _cost(failure: UpstreamError) -> float:
    return TIMEOUT_COST if isinstance(failure, TimedOut) else RETRY_COST
