"""The embedded exchange: a market clock, and Bybit v5 on somebody else's web server.

It exists so that sandbox, tests and newcomers trade against real sockets without a network or an
account. Its clock is the market's: it advances in steps, at `speed` times real time at most, and
slows down rather than outrun its clients. It must never answer a request that does not come from
this machine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from urllib.parse import urlsplit

from aiohttp import web

from engine.core.values import Ms, Order
from engine.errors import DataError
from engine.sim.board import Board
from engine.sim.feed import SECOND_MS, Feed
from engine.sim.matching import Holding
from engine.sim.trading.recollection import restore
from engine.sim.venue_account import Account
from engine.sim.venue_bell import Bell
from engine.sim.venue_call import ROOT
from engine.sim.venue_clock import Clock
from engine.sim.venue_control import Control, Parts
from engine.sim.venue_door import MARKET, Behind, Door
from engine.sim.venue_faults import Faults
from engine.sim.venue_history import History
from engine.sim.venue_rest import Rest
from engine.sim.venue_socket import PATIENCE_S, Crowd
from engine.sim.venue_stream import Stream

PACE_S = 0.25  # real time between two steps
STAND_S = 5.0  # real time between two repetitions of prices that no longer move
STEP_MIN_MS = 1 * SECOND_MS
STEP_MAX_MS = 25 * SECOND_MS
DEEP_MS = 3 * SECOND_MS  # books and trades do not leap farther: a book would be old in between
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Venue:
    """The exchange of one feed; the market stands still until `run`."""

    def __init__(
        self,
        feed: Feed,
        *,
        speed: float = 1.0,
        start_ms: Ms | None = None,
        hold_until_client: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`speed` is market over real time; raises `DataError` for a start outside the feed."""
        self._end_ms = feed.end_ms
        self._board = Board(feed, _start(feed, start_ms))
        self._clock = Clock(self._board, speed)
        self._speed = speed
        self._hold = hold_until_client
        found = Faults(feed.seed)
        self._account = Account(self._board, found)
        self._stream = Stream(self._board, Crowd("public", found, patience_s))
        crowd = Crowd("private", found, patience_s)
        self._bell = Bell(self._account.desk.news, self._clock, crowd)
        rest = Rest(self._board)
        self._market = {"time": self._clock.tell, **rest.paths, **History(self._board).paths}
        behind = Behind(self._market, self._account, self._bell)
        self._door = Door(behind, self._clock, found)
        parts = Parts(
            board=self._board,
            rest=rest,
            account=self._account,
            clock=self._clock,
            door=self._door,
            stream=self._stream,
            bell=self._bell,
            faults=found,
        )
        self._control = Control(parts, self._market)
        self._told_ms = self.now_ms  # when everything was published last

    @property
    def now_ms(self) -> Ms:
        """Market time."""
        return self._board.shown.at_ms

    @property
    def at_end(self) -> bool:
        """Whether the recording is over: time stands still from here on."""
        return self._end_ms is not None and self.now_ms >= self._end_ms

    @property
    def clients(self) -> int:
        """Open stream connections."""
        return len(self._stream.crowd.clients) + len(self._bell.crowd.clients)

    def restore(
        self,
        balance: Decimal,
        holdings: Sequence[Holding],
        live: Sequence[tuple[Order, Decimal]],
    ) -> None:
        """Let the account be as its holder remembers it; before anything is asked."""
        restore(self._account.desk, balance, holdings, live)

    def routes(self) -> list[web.RouteDef]:
        """Everything under `/v5/` and `/venue/`, to be mounted on an application."""
        door, control = self._door, self._control
        return [
            *(web.get(ROOT + MARKET + path, _guarded(door.market)) for path in self._market),
            *(
                web.route(method, ROOT + path, _guarded(door.account))
                for method, path in sorted(self._account.paths)
            ),
            web.get("/v5/public/linear", _guarded(self._stream.serve)),
            web.get("/v5/private", _guarded(self._bell.serve)),
            web.get("/venue/faults", _guarded(control.list_faults)),
            web.post("/venue/faults", _guarded(control.set_faults)),
            web.get("/venue/truth", _guarded(control.truth)),
        ]

    async def run(self) -> None:
        """Advance the market until canceled; returns at the end of a recording."""
        if self._hold:
            await self._stream.subscribed.wait()
        loop = asyncio.get_running_loop()
        due = loop.time()
        if not self.at_end:
            self._clock.stepped()
        while not self.at_end:
            step_ms = self._step_ms()
            # A late step moves all later ones: the market does not run to catch up.
            due = max(loop.time(), due + step_ms / SECOND_MS / self._speed)
            await asyncio.sleep(due - loop.time())
            self._step(step_ms)
            await self._publish()

    async def stand(self) -> None:
        """Repeat the last prices until canceled: what a market does after its recording."""
        while True:
            await self._stream.repeat()
            await asyncio.sleep(STAND_S)

    async def close(self) -> None:
        """End all stream connections."""
        await asyncio.gather(self._stream.crowd.close(), self._bell.crowd.close())

    def _step(self, step_ms: int) -> None:
        """Move the market, and the account with it."""
        self._board.seek(self.now_ms + step_ms)
        if self.at_end:
            self._clock.stand()
        else:
            self._clock.stepped()
        self._account.desk.step()
        self._door.step()  # what comes late meets the market as it is now

    async def _publish(self) -> None:
        """Books and trades at each step, the rest in its own pace and at the close of a bar."""
        is_close = self.now_ms % self._board.feed.step_ms == 0
        is_whole = is_close or self.now_ms - self._told_ms >= self._pace_ms
        if is_whole:
            self._told_ms = self.now_ms
        told = self._stream.publish(deep_only=not is_whole)
        await asyncio.gather(told, self._bell.publish())

    @property
    def _pace_ms(self) -> int:
        paced = int(self._speed * PACE_S) * SECOND_MS
        return max(STEP_MIN_MS, min(paced, STEP_MAX_MS))

    def _step_ms(self) -> int:
        """The next step: whole seconds, never over the close of a bar."""
        most = min(self._pace_ms, DEEP_MS) if self._stream.has_deep else self._pace_ms
        return min(most, self._board.feed.step_ms - self.now_ms % self._board.feed.step_ms)


def _start(feed: Feed, start_ms: Ms | None) -> Ms:
    """Where the market clock starts, in whole seconds."""
    if start_ms is None:
        return feed.begin_ms
    last_ms = feed.end_ms
    if start_ms < feed.start_ms or (last_ms is not None and start_ms > last_ms):
        expected = f"{feed.start_ms} or later" + (f", up to {last_ms}" if last_ms else "")
        raise DataError("market start", expected, str(start_ms))
    return start_ms // SECOND_MS * SECOND_MS


def _guarded(handler: Handler) -> Handler:
    """Refuse what a page from elsewhere could make a browser ask (DNS rebinding included)."""

    async def answer(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        is_ours = _is_loopback(f"//{request.headers.get('Host', '')}")
        if not is_ours or (origin is not None and not _is_loopback(origin)):
            raise web.HTTPForbidden(text="expected a loopback Host and Origin")
        return await handler(request)

    return answer


def _is_loopback(address: str) -> bool:
    try:
        return urlsplit(address).hostname in LOOPBACK
    except ValueError:
        return False
