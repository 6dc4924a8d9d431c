"""The worlds a bot can trade in: which adapters paper has, and which live.

It exists so that whose money is traded is decided by what is built here, once, and by no `if`
later: the paper world holds no client that could send an order. It must never choose the world.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from bot.desk import Prospect
from engine import __version__
from engine.core.guard import stamp_of
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import LIVE, PAPER, Arm, Order
from engine.errors import Denied, StoreError, Transient
from engine.live.access import Access
from engine.live.clock import VenueClock
from engine.live.inbox import Inbox
from engine.live.pacing import Timing
from engine.live.paper import PaperExchange
from engine.live.reader import BybitReader
from engine.live.standing import Standing, mismatch, objections
from engine.live.station import Ports, Start
from engine.live.store import FileStore
from engine.live.stream import PublicStream
from engine.live.trader import BybitExchange, TradeTerms
from engine.live.wire import HOSTS, Keys
from engine.sim.matching import Holding, Matching

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SANDBOX_KEYS = Keys("sandbox", "sandbox")  # of the one account of the embedded exchange
STREAMS = frozenset(host.replace("api", "stream", 1) for host in HOSTS)
OTHER_STREAM = (
    "exchange.ws_public_url: expected the stream of exchange.rest_url's own exchange, by wss: "
    "real orders are not decided by the prices of another one"
)
FIRST_TRIES = 5  # of a new account's first look
FIRST_PAUSE_S = 2.0

T = TypeVar("T")


class World(NamedTuple):
    """Everything a station needs, and what watches over the right to trade, where that can end."""

    ports: Ports
    start: Start
    access: Access | None = None


class Right(NamedTuple):
    """By what right live orders leave: key, a person's word, and whether entries wait."""

    keys: Keys
    arm: Arm
    is_paused: bool


def is_local(settings: Settings) -> bool:
    """Whether the venue is on this machine."""
    urls = settings.exchange.rest_url, settings.exchange.ws_public_url
    return all(urlsplit(url).hostname in LOOPBACK for url in urls)


def is_one_venue(settings: Settings) -> bool:
    """Whether prices and orders are of one place: this machine, the testnet, or the exchange."""
    if is_local(settings):
        return True
    rest, stream = urlsplit(settings.exchange.rest_url), urlsplit(settings.exchange.ws_public_url)
    pair = rest.hostname or "", stream.hostname or ""
    is_known = pair[0] in HOSTS and pair[1] in STREAMS and stream.scheme == "wss"
    return is_known and len({"testnet" in host for host in pair}) == 1


def paper(settings: Settings, store: FileStore, ledger: Ledger, speed: float) -> World:
    """The venue's market data, and an account of our own."""
    clock, inbox = VenueClock(speed), Inbox()
    reader = BybitReader(settings.exchange, settings.market.frame_s, settings.sim)
    stream = _stream(settings, clock)
    slippage_bps, funding_bps = settings.sim.slippage_base_bps, settings.sim.funding_8h_bps
    matching = Matching(Decimal(0), Decimal(repr(slippage_bps)), Decimal(repr(funding_bps)))
    _restore_account(matching, ledger, settings)
    exchange = PaperExchange(reader, matching, clock.now_ms, inbox.put)
    start = Start(__version__, PAPER, Decimal(repr(settings.sim.equity_start_usd)))
    return World(Ports(exchange, stream, store, clock, inbox, exchange), start)


def _stream(settings: Settings, clock: VenueClock) -> PublicStream:
    address, frame_s = settings.exchange.ws_public_url, settings.market.frame_s
    return PublicStream(address, frame_s, clock.hear, clock.now_ms)


def _restore_account(matching: Matching, ledger: Ledger, settings: Settings) -> None:
    """Paper has no exchange that outlives us: its account is what the ledger remembers."""
    start = Decimal(repr(settings.sim.equity_start_usd))
    matching.restore(ledger.balance if ledger.seq else start, *remembered(ledger))


def remembered(ledger: Ledger) -> tuple[list[Holding], list[tuple[Order, Decimal]]]:
    """Positions with their stops, and live orders with what was filled of each."""
    holdings = [
        # A stop we were never shown stood all the same: it comes with its entry's fill.
        Holding(p.id, p.symbol, p.side, p.qty, p.avg, p.stop or p.asked_stop, p.funded_ms)
        for p in ledger.positions
        if p.qty
    ]
    live = [(o.order, o.filled_qty) for o in ledger.state.orders.values() if o.is_live]
    return holdings, live


async def live(
    settings: Settings, memory: tuple[FileStore, Ledger], speed: float, right: Right
) -> World:
    """The venue's market data and its account; raises `EngineError` where it cannot begin.

    A ledger of another venue is refused: its positions are not there.
    """
    store, ledger = memory
    check_venue(ledger, right.arm.venue, store.folder)
    clock, inbox = VenueClock(speed), Inbox()
    exchange = await _exchange(settings, ledger, right.keys, (clock, inbox))
    access = Access(exchange, inbox.put, ledger.state.account)
    try:
        standing = await _looked(access, ledger)
        is_new = ledger.state.boot == 0
        balance = (await _patiently(exchange.account)).balance if is_new else Decimal(0)
    except BaseException:
        await exchange.close()
        raise
    stream = _stream(settings, clock)
    ports = Ports(exchange, stream, store, clock, inbox, Unseen())
    venue = right.arm.venue
    account = "" if standing is None else standing.account
    start = Start(__version__, LIVE, balance, venue, right.arm, right.is_paused, account)
    return World(ports, start, access)


async def _looked(access: Access, ledger: Ledger) -> Standing | None:
    """The account as it stands; with nothing open there is nothing to protect: say why and end.

    One that gives no answer is asked again while we run, and not traded until it did.
    """
    standing = await access.ask()
    if ledger.positions:
        return standing  # protection waits for nobody
    for _ in range(FIRST_TRIES - 1):
        if standing is None and access.is_silent:
            await asyncio.sleep(FIRST_PAUSE_S)
            standing = await access.ask()
    if access.problem is not None and not access.is_silent:
        raise Denied(access.problem)
    return standing


class Unseen:
    """Nobody between stream and inbox: the venue's account needs no help from us."""

    def see(self, event: object) -> None:
        """Look at nothing."""


def check_venue(ledger: Ledger, venue: str, folder: Path) -> None:
    """One ledger, one account: raise `StoreError` when this one speaks of another venue."""
    known = ledger.state.arm
    if known is not None and known.venue != venue:
        raise StoreError(
            f"{folder}: expected the ledger of {venue}, found that of {known.venue}; "
            f"set exchange.rest_url back, or move the directory away to begin a new account"
        )


async def _exchange(
    settings: Settings, ledger: Ledger, keys: Keys, shell: tuple[VenueClock, Inbox]
) -> BybitExchange:
    """The adapter, with the venue's clock known before anything is signed."""
    clock, inbox = shell
    timing = _timing(clock.speed)
    reader = BybitReader(settings.exchange, settings.market.frame_s, settings.sim, timing)
    try:
        clock.observe(await _patiently(reader.time_ms))
        state = ledger.state
        terms = TradeTerms(
            rest_url=settings.exchange.rest_url,
            name=settings.bot.name,
            leverage_max=settings.risk.leverage_max,
            now_ms=clock.now_ms,
            began_ms=state.began_ms or clock.now_ms(),
            since_ms=state.at_ms or clock.now_ms(),
            stamp=lambda: stamp_of(ledger.state.began_ms),
            timing=timing,
        )
        return BybitExchange(reader, keys, terms, inbox.put)
    except BaseException:
        await reader.close()
        raise


def _timing(speed: float) -> Timing:
    """Waiting counted on the market's clock, as everything at a scaled pace is."""
    if speed == 1:
        return Timing()
    return Timing(
        sleep=lambda seconds: asyncio.sleep(seconds / speed),
        monotonic=lambda: time.monotonic() * speed,
        is_flowing=False,
    )


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The first answer; a venue that starts beside us gets a moment. Raises `Transient`."""
    for _ in range(FIRST_TRIES - 1):
        try:
            return await call()
        except Transient:
            await asyncio.sleep(FIRST_PAUSE_S)
    return await call()


async def survey(settings: Settings, ledger: Ledger, keys: Keys, speed: float) -> Prospect:
    """Look at the live account as it stands; raises `EngineError`."""
    shell = VenueClock(speed), Inbox()
    exchange = await _exchange(settings, ledger, keys, shell)
    try:
        standing = await exchange.standing()
    finally:
        await exchange.close()
    found, wrong = objections(standing), mismatch(ledger.state.account, standing)
    return Prospect(
        equity=standing.equity,
        preset=settings.bot.preset,
        risk=settings.risk,
        held=len(ledger.positions),
        refusals=found.refusals if wrong is None else (wrong, *found.refusals),
        warnings=found.warnings,
        account=standing.account,
    )
