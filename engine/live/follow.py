"""Watching an order that was just accepted: its fills, its end, and the stop it brought.

It exists because an acceptance is no execution, and the core wants to hear of both within two
seconds. It must never say that a stop stands which the position does not show, and never be the
only way to learn anything: what it misses comes with the account.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal

from engine.core.events import Event, FillSeen, StopSet
from engine.core.values import Order, OrderKind, OrderSide, OrderState, Side
from engine.errors import ExchangeError
from engine.live.lookup import Lookup, Track
from engine.live.pacing import Timing
from engine.log import Log

PAUSES_S = (0.1, 0.2, 0.7, 1.0)  # looks at 0.1, 0.3, 1 and 2 seconds
MOST = 64  # orders followed at once; more are left to the account

_log = Log(__name__)


class Followers:
    """One short task for each accepted order; a defect in one is raised by the next `check`."""

    def __init__(self, lookup: Lookup, timing: Timing, sink: Callable[[Event], None]) -> None:
        self._lookup = lookup
        self._timing = timing
        self._sink = sink
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._defect: BaseException | None = None

    def check(self) -> None:
        """Raise what broke a follower: such an error is ours, and ends the process."""
        if self._defect is not None:
            raise self._defect

    def follow(self, order: Order) -> None:
        """Begin; an order that is followed already goes on being followed once."""
        if order.id in self._tasks or len(self._tasks) >= MOST:
            return
        task = asyncio.get_running_loop().create_task(
            self._follow(order), name=f"follow {order.id}"
        )
        self._tasks[order.id] = task
        task.add_done_callback(lambda done: self._ended(order.id, done))

    async def settled(self) -> None:
        """Return when nobody is followed any more."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def close(self) -> None:
        """End them all."""
        for task in self._tasks.values():
            task.cancel()
        await self.settled()

    def _ended(self, order_id: str, task: "asyncio.Task[None]") -> None:
        del self._tasks[order_id]
        if not task.cancelled():
            self._defect = self._defect or task.exception()

    async def _follow(self, order: Order) -> None:
        told: set[str] = set()
        shall_stop = order.purpose.is_growing
        for pause_s in PAUSES_S:
            await self._timing.sleep(pause_s)
            try:
                track = await self._lookup.track(order)
                self._tell_fills(track, told)
                if shall_stop and track.fills:
                    shall_stop = not await self._tell_stop(order)
            except ExchangeError as problem:
                _log.info("order.unfollowed", order=order.id, problem=problem)
                continue
            if self._is_over(order, track) and not (shall_stop and track.fills):
                break
        else:
            return  # whatever is missing comes with the account
        ending = track.ending(order.id)
        if ending is not None:
            self._sink(ending)

    def _tell_fills(self, track: Track, told: set[str]) -> None:
        for fill in track.fills:
            if fill.id not in told:
                told.add(fill.id)
                self._sink(FillSeen(fill))

    async def _tell_stop(self, order: Order) -> bool:
        """Whether the position shows its stop; then the core hears of it."""
        side = Side.LONG if order.side is OrderSide.BUY else Side.SHORT
        for row in await self._lookup.positions(order.symbol):
            if row.side is side and row.stop is not None:
                self._sink(StopSet(order.position_id, row.stop, row.updated_ms))
                return True
        return False

    def _is_over(self, order: Order, track: Track) -> bool:
        """Whether nothing more is to be seen soon: ended with all its fills here, or resting."""
        if track.row is None or track.row.state is None:
            return False
        if track.row.state is OrderState.OPEN:
            return order.kind is OrderKind.LIMIT
        executed = sum((fill.qty for fill in track.fills), Decimal(0))
        return executed >= track.row.filled_qty
