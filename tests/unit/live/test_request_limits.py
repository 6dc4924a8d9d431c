import asyncio
import heapq
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.live.limits import DATA_A_SECOND, SHARES, Address, Limits, Silenced
from engine.live.pacing import Timing

CREATE, TIME, KLINE = "v5/order/create", "v5/market/time", "v5/market/kline"
POSITIONS = "v5/position/list"


class Hours:
    """Time that passes for everybody at once, when everybody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleeping: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    async def sleep(self, seconds: float) -> None:
        bell = asyncio.Event()
        self._count += 1
        heapq.heappush(self._sleeping, (self.now + seconds, self._count, bell))
        await bell.wait()

    def timing(self) -> Timing:
        return Timing(sleep=self.sleep, monotonic=lambda: self.now)

    async def pass_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            for _ in range(3):
                await asyncio.sleep(0)
            if self._sleeping and not is_over():
                self.now, _, bell = heapq.heappop(self._sleeping)
                bell.set()

    async def gather(self, *calls: Awaitable[None]) -> None:
        tasks = [asyncio.ensure_future(call) for call in calls]
        await self.pass_until(lambda: all(task.done() for task in tasks))
        await asyncio.gather(*tasks)


class Traffic:
    """Callers of one address, and when each call left."""

    def __init__(self) -> None:
        self.hours = Hours()
        self.address = Address(self.hours.timing())
        self.limits = Limits(self.address)
        self.left: list[tuple[float, str]] = []

    async def call(self, path: str, limits: Limits | None = None) -> None:
        await (limits or self.limits).take(path)
        self.left.append((self.hours.now, path))

    def most(self, seconds: float, *paths: str) -> int:
        """The most calls of these paths within any window of that length."""
        times = [at for at, path in self.left if path in paths]
        return max(sum(t <= u < t + seconds - 1e-9 for u in times) for t in times)


@settings(max_examples=8)
@given(st.lists(st.sampled_from([CREATE, TIME, KLINE, POSITIONS]), min_size=200, max_size=220))
def test_no_window_is_ever_overfilled(paths: list[str]) -> None:
    async def run() -> Traffic:
        traffic = Traffic()
        other = Limits(traffic.address)  # a second connection of the same address
        await traffic.hours.gather(
            *(traffic.call(path, (None, other)[path == KLINE]) for path in paths)
        )
        return traffic

    traffic = asyncio.run(run())
    assert sorted(path for _, path in traffic.left) == sorted(paths)
    budgets = [
        (1.0, 10, (CREATE,)),
        (1.0, 50, (POSITIONS,)),
        (1.0, DATA_A_SECOND, (KLINE,)),
        (5.0, SHARES["read"], (POSITIONS,)),
        (5.0, SHARES["write"], (CREATE,)),
        (5.0, SHARES["data"], (TIME, KLINE)),
        (5.0, 400, tuple(set(paths))),
    ]
    for seconds, most, of in budgets:
        if set(of) & set(paths):
            assert traffic.most(seconds, *of) <= most


async def test_an_exit_leaves_while_candles_queue() -> None:
    traffic = Traffic()
    candles = [asyncio.ensure_future(traffic.call(KLINE)) for _ in range(600)]
    await asyncio.sleep(0)
    began = traffic.hours.now
    await traffic.call(CREATE)
    assert traffic.left[-1] == (began, CREATE)
    assert len(traffic.left) == DATA_A_SECOND + 1  # the rest of the candles still wait
    await traffic.hours.gather(*candles)


async def test_the_reads_of_the_account_do_not_hold_up_a_stop() -> None:
    traffic = Traffic()
    reads = [asyncio.ensure_future(traffic.call(POSITIONS)) for _ in range(200)]
    await asyncio.sleep(0)
    began = traffic.hours.now
    await traffic.call("v5/position/trading-stop")
    await traffic.call("v5/order/cancel")
    assert [at for at, path in traffic.left if path != POSITIONS] == [began, began]
    await traffic.hours.gather(*reads)


async def test_a_caller_that_gives_up_takes_no_room() -> None:
    traffic = Traffic()
    for _ in range(10):
        await traffic.call(CREATE)
    late = asyncio.ensure_future(traffic.call(CREATE))
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    traffic.hours.now += 1.0
    for _ in range(10):
        await traffic.call(CREATE)
    assert traffic.most(1.0, CREATE) == 10


async def test_a_budget_the_venue_calls_spent_is_left_alone() -> None:
    traffic = Traffic()
    traffic.limits.spent(CREATE, 700)
    await traffic.call("v5/order/cancel")
    await traffic.hours.gather(traffic.call(CREATE))
    (_, first), (at, second) = traffic.left
    assert (first, second) == ("v5/order/cancel", CREATE)
    assert at == pytest.approx(100.7)


async def test_silence_is_for_the_whole_address() -> None:
    traffic = Traffic()
    traffic.address.check("/x")
    traffic.address.silence(600_000)
    traffic.address.silence(1000)  # a shorter one ends no longer one
    traffic.hours.now += 590
    with pytest.raises(Silenced) as caught:
        traffic.address.check("/v5/order/create")
    assert caught.value.retry_after_ms == pytest.approx(10_000, abs=1)
    traffic.hours.now += 10.1
    traffic.address.check("/v5/order/create")
