"""ccxt's Bybit behind one door in and one door out: the only importer of ccxt.

It exists because ccxt turns a reply it cannot read into "nothing there", paces by the wall clock
and knows no reserve for exits: here every call waits for its window (`limits.py`) and every reply
is judged by its envelope first (`replies.py`). It must never send a key to a host that is not the
venue's, never retry a write, and never show a ccxt type or exception.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from math import inf
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from aiohttp import TraceConfig, TraceRequestRedirectParams
from ccxt.async_support.bybit import bybit
from ccxt.base.errors import BaseError

from engine.core.terms import Sim
from engine.core.values import Instrument, Ms, exact
from engine.errors import ConfigError, Denied, ExchangeError, RateLimited, Transient
from engine.live.limits import Address, Limits
from engine.live.replies import Coded, Meaning, Reply, problem_of
from engine.log import Log

DEADLINE_S = 10.0  # one try of one call, queueing included
BACKOFF_S = (0.25, 1.0)  # before the second and the third try
PATIENCE_S = 5.0  # a longer wait is the caller's to take
SHRINK_MAX = 0.2  # a list of instruments that lost more is not believed
RECV_WINDOW_MS = 5000  # never widened to hide a clock that drifts
SYNC_S = 600.0  # so long our own reading of the venue's clock is better than the caller's
DENIED_S = 30.0  # the pace of calls that the venue denies
FORGOTTEN_S = 900.0  # of entries, which never knock, so long

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOSTS = frozenset(
    {
        "api.bybit.com",
        "api.bytick.com",
        "api-testnet.bybit.com",
        "api-demo.bybit.com",
        "api.bybit.nl",
        "api.bybit.eu",
        "api.bybit-tr.com",
        "api.bybit.kz",
        "api.bybit.ae",
        "api.bybit.id",
        "api.bybitgeorgia.ge",
    }
)
# What ccxt's parsers raise when a checked envelope holds rows of another shape.
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)

T = TypeVar("T")
Result = Mapping[str, Any]
replied_ms: ContextVar[Ms] = ContextVar("replied_ms")  # venue time of this task's last reply
_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Keys:
    """An API key and its secret; the repr shows neither."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


def host_problem(url: str) -> str | None:
    """Why a key may not be sent to this address; None when it may."""
    parts = urlsplit(url)
    is_venue = parts.scheme == "https" and parts.hostname in HOSTS
    if is_venue or parts.hostname in LOOPBACK:
        return None
    return f"expected https and a host of Bybit, or loopback, found {parts.scheme}://{parts.netloc}"


class Wire(bybit):  # type: ignore[misc] # ccxt ships no types
    """One connection; `fees` are those of instruments whose own the venue does not state."""

    def __init__(self, url: str, fees: Sim, address: Address, deadline_s: float) -> None:
        is_local = urlsplit(url).hostname in LOOPBACK
        super().__init__(
            {
                "aiohttp_trust_env": False,
                "enableRateLimit": False,  # `limits.py` does it, on the monotonic clock
                "timeout": int(1000 * deadline_s),
                "timeout_on_exit": 0 if is_local else 250,  # ms a TLS session needs to end
                "options": {
                    "fetchMarkets": {"types": ["linear"]},
                    "recvWindow": RECV_WINDOW_MS,
                },
            }
        )
        self.urls["api"] = dict.fromkeys(("spot", "futures", "v2", "public", "private"), url)
        self.has["fetchCurrencies"] = False  # a private call, of no use to us
        self.tradable: tuple[Instrument, ...] = ()
        self.qty_max: dict[str, Decimal] = {}  # symbol -> the most one market order may ask for
        self.ruled_at = -inf  # monotonic: when the trading rules were read last
        self.timing = address.timing
        self._fees = fees
        self._address = address
        self._limits = Limits(address)
        self._deadline_s = deadline_s

    async def fetch2(self, path: str, *rest: object, **more: object) -> object:
        """The door out: waits for its window, shut while the venue asked for silence."""
        self._address.check(f"/{path}")
        await self._limits.take(path)
        self._address.check(f"/{path}")
        return await super().fetch2(path, *rest, **more)

    def open(self, *lazy: bool) -> None:
        """The HTTP session, one that follows nobody to another address: our key would go along."""
        is_open = self.session is not None
        super().open(*lazy)
        if not is_open and self.session is not None:
            self.session.trace_configs.append(_no_redirects())

    def handle_errors(self, *reply: object) -> None:
        """The door in: raises our errors for every reply that cannot be believed."""
        status, _, url, _, headers, body, envelope, *_ = cast("tuple[Any, ...]", reply)
        seen = Reply(status, urlsplit(url).path, headers, body or "", envelope)
        problem = problem_of(seen)
        if isinstance(problem, RateLimited) and problem.retry_after_ms > 1000 * PATIENCE_S:
            self._address.silence(problem.retry_after_ms)
        elif isinstance(problem, RateLimited) or (seen.is_last and seen.reset_ms is not None):
            wait_ms = problem.retry_after_ms if isinstance(problem, RateLimited) else seen.reset_ms
            self._limits.spent(seen.path.lstrip("/"), wait_ms or 0)
        if problem is not None:
            raise problem
        replied_ms.set(cast("dict[str, Ms]", envelope)["time"])

    async def fetch_markets(self, *params: object) -> object:
        """All markets; never an empty or shrunken list, which ccxt would keep."""
        markets = await super().fetch_markets(*params)
        found = {i.symbol: i for m in markets if (i := instrument_of(m, self._fees)) is not None}
        least = max(1, (1 - SHRINK_MAX) * len(self.tradable))
        if len(found) < least:
            raise Transient(f"instruments: expected at least {least:.0f}, found {len(found)}")
        self.tradable = tuple(found.values())
        lots = {m["id"]: (m["info"].get("lotSizeFilter") or {}) for m in markets}
        most = {symbol: rule(lots[symbol].get("maxMktOrderQty")) for symbol in found}
        self.qty_max = {symbol: qty for symbol, qty in most.items() if qty is not None}
        self.ruled_at = self.timing.monotonic()
        return markets

    async def patiently(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Read, three times if need be."""
        for pause_s in BACKOFF_S:
            wait_s = pause_s
            try:
                return await self.once(what, call)
            except RateLimited as limited:
                wait_s = limited.retry_after_ms / 1000
                if wait_s > PATIENCE_S:
                    raise
            except Transient as problem:
                _log.info("read.retried", what=what, after_s=wait_s, problem=problem)
            await self.timing.sleep(wait_s)
        return await self.once(what, call)

    async def once(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Call within the deadline; raises our errors only."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await call()
        except TimeoutError as late:
            limit_s = self._deadline_s
            raise Transient(f"{what}: expected an answer within {limit_s} s, found none") from late
        except (BaseError, *UNREADABLE) as odd:
            text = f"{type(odd).__name__} {str(odd)[:200]}"
            raise Transient(f"{what}: expected a readable answer, found {text}") from odd


class PrivateWire(Wire):
    """The connection that carries our key: signed with the venue's time, shut when denied."""

    def __init__(
        self, url: str, keys: Keys, now_ms: Callable[[], Ms], address: Address, deadline_s: float
    ) -> None:
        problem = host_problem(url)
        if problem is not None:
            raise ConfigError("exchange", [f"rest_url   {problem}"])
        super().__init__(url, Sim(), address, deadline_s)
        self.apiKey, self.secret = keys.key, keys.secret
        self._reads, self._writes, self._entries = _Door(), _Door(), _Door()
        self._now_ms = now_ms
        self._synced: tuple[float, float] | None = None  # venue's ms at a monotonic second

    @property
    def problem(self) -> str | None:
        """Why the venue denied us, until it lets us again, or was not asked for long."""
        now, doors = self.timing.monotonic(), (self._reads, self._writes, self._entries)
        return next((words for door in doors if (words := door.problem(now))), None)

    @property
    def unread(self) -> str | None:
        """The same of reads alone."""
        return self._reads.problem(self.timing.monotonic())

    def nonce(self) -> Ms:
        """The time our requests are stamped with: the venue's."""
        if self._synced is not None:
            venue_ms, at_s = self._synced
            passed_s = self.timing.monotonic() - at_s
            if not self.timing.is_flowing:
                return max(int(venue_ms), self._now_ms())
            if passed_s < SYNC_S:
                return int(venue_ms + 1000 * passed_s)
        return self._now_ms()

    async def sync(self) -> None:
        """Read the venue's clock ourselves: it was in the middle of the round trip."""
        asked_s = self.timing.monotonic()
        venue_ms = cast("Ms", await self.once("time", self.fetch_time))
        self._synced = (venue_ms, (asked_s + self.timing.monotonic()) / 2)
        _log.warning("clock.synced", off_ms=venue_ms - self._now_ms())

    async def fetch(self, *request: object) -> object:
        """Refuse, at the last moment, to send anything to a stranger."""
        problem = host_problem(str(request[0]))
        if problem is not None:
            raise Denied(problem)
        return await super().fetch(*request)

    async def ask(
        self, path: str, query: Mapping[str, str], *, is_optional: bool = False
    ) -> Result:
        """A signed read, tried three times; the `result` of its reply.

        The denial of what is optional says nothing about the rest.
        """
        return await self.patiently(path, lambda: self._ask(path, query, is_optional=is_optional))

    async def _ask(self, path: str, query: Mapping[str, str], *, is_optional: bool) -> Result:
        try:
            return await self._signed(path, "GET", query, is_optional=is_optional)
        except Coded as problem:
            if problem.meaning is not Meaning.LATE:
                raise
        await self.sync()
        return await self._signed(path, "GET", query, is_optional=is_optional)

    async def tell(
        self, path: str, body: Mapping[str, Any], *, is_optional: bool = False
    ) -> Result:
        """A signed write, sent once; `is_optional` when nothing is lost by not sending it."""
        try:
            return await self.once(
                path, lambda: self._signed(path, "POST", body, is_optional=is_optional)
            )
        except Coded as problem:
            if problem.meaning is Meaning.LATE:
                with suppress(ExchangeError):  # the next one tries again
                    await self.sync()
            raise

    async def _signed(
        self, path: str, method: str, params: Mapping[str, Any], *, is_optional: bool
    ) -> Result:
        """The private door: what was denied shuts it, and what only protects never waits for it.

        Of a denied entry nobody knows whether it was the key or that one market: exits and stops
        find out for themselves.
        """
        now, is_write = self.timing.monotonic(), method == "POST"
        own = (self._entries if is_optional else self._writes) if is_write else self._reads
        doors = (self._reads, self._writes, own) if is_write and is_optional else (own,)
        for door in doors:
            door.check(now, is_optional=is_optional)
        try:
            envelope = await self.request(path, ["private"], method, dict(params))
        except Denied as denial:
            if is_write or not is_optional:
                own.shut(self.timing.monotonic(), str(denial))
            raise
        for door in (self._writes, self._entries, *doors) if is_write else doors:
            door.open()
        return cast("Result", envelope["result"])


class Unsent(Denied):
    """Not sent: the venue denied what went before, and it is too early to try again."""


class _Door:
    """Shut by a denial; then only what supervises may knock, one at a time and slowly."""

    def __init__(self) -> None:
        self._problem: str | None = None
        self._tried_at = -inf

    def problem(self, now: float) -> str | None:
        """Why it is shut; a denial that nobody tried again for long is forgotten."""
        return self._problem if now - self._tried_at < FORGOTTEN_S else None

    def check(self, now: float, *, is_optional: bool) -> None:
        """Raise `Unsent` unless the call may go; going counts as knocking."""
        problem = self.problem(now)
        if problem is None:
            return
        if is_optional or now - self._tried_at < DENIED_S:
            raise Unsent(problem)
        self._tried_at = now

    def shut(self, now: float, problem: str) -> None:
        """The venue denied a call."""
        self._problem, self._tried_at = problem, now

    def open(self) -> None:
        """The venue took a call."""
        self._problem = None


def _no_redirects() -> TraceConfig:
    async def refuse(_session: object, _context: object, seen: TraceRequestRedirectParams) -> None:
        seen.response.close()
        where, path = seen.response.headers.get("Location", "")[:80], seen.url.path
        raise Transient(f"{path}: expected an answer, found the way to {where!r}")

    config = TraceConfig()
    config.on_request_redirect.append(refuse)
    config.freeze()
    return config


def instrument_of(market: Mapping[str, Any], fees: Sim) -> Instrument | None:
    """A market's trading rules, exact; None when it is not ours to trade or a rule is missing.

    ccxt fills in fees the venue did not send, so the fee is the venue's own only where the raw
    item holds it, else the settings'.
    """
    is_ours = market["swap"] and market["linear"] and market["settle"] == market["quote"] == "USDT"
    if not is_ours or not market["active"]:
        return None
    info = market["info"]
    lots, prices = info.get("lotSizeFilter") or {}, info.get("priceFilter") or {}
    rules = (prices.get("tickSize"), lots.get("qtyStep"), lots.get("minOrderQty"))
    tick, lot, qty_min, notional_min = (
        rule(text) for text in (*rules, lots.get("minNotionalValue"))
    )
    if tick is None or lot is None or qty_min is None or notional_min is None:
        _log.warning("instrument.skipped", symbol=market["id"])
        return None
    return Instrument(
        symbol=str(market["id"]).upper(),
        base=info["baseCoin"],
        quote=info["quoteCoin"],
        tick=tick,
        lot=lot,
        qty_min=qty_min,
        notional_min=notional_min,
        taker_bps=_bps(info.get("takerFee"), fees.taker_bps),
        maker_bps=_bps(info.get("makerFee"), fees.maker_bps),
        contract_size=exact(market["contractSize"]).normalize(),
    )


def rule(text: object) -> Decimal | None:
    """A rule that must be a positive number; None when it is not."""
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value > 0 else None


def _bps(fraction: object, default: float) -> Decimal:
    try:
        return Decimal(str(fraction)) * 10_000
    except InvalidOperation:
        return exact(default)
