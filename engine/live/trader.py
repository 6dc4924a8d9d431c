"""Orders, stops and the account on Bybit: the `Exchange` port over signed REST.

It exists so that every answer of the venue becomes exactly one of done, refused or unknown. It must
never send an order under a second id, an entry without its stop, or anything but reduce-only to
leave a position; never cancel more than one order by its id, never cancel a stop, and never take an
acknowledgment for an execution or for an end.
"""

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from math import inf
from typing import Any, NamedTuple

from engine.core.events import (
    AccountSeen,
    Event,
    InstrumentsLoaded,
    OrderAccepted,
    OrderGone,
    OrderMissing,
    OrderRefused,
    OrderUnknown,
    StopRefused,
    StopSet,
    StopUnknown,
)
from engine.core.values import (
    Ms,
    Order,
    OrderKind,
    OrderSide,
    Purpose,
    Refusal,
    Side,
    exact,
)
from engine.errors import Denied, ExchangeError, OutcomeUnknown, RefusedByExchange, Transient
from engine.live.follow import Followers
from engine.live.limits import Silenced
from engine.live.lookup import LINEAR, Lookup
from engine.live.market_reads import MarketReads
from engine.live.pacing import Timing
from engine.live.reader import BybitReader
from engine.live.replies import Coded, Meaning
from engine.live.rows import Names
from engine.live.standing import Standing, read_standing
from engine.live.statement import Span, Statements
from engine.live.wire import DEADLINE_S, Keys, PrivateWire

CREATE, CANCEL = "v5/order/create", "v5/order/cancel"
TRADING_STOP, SET_LEVERAGE = "v5/position/trading-stop", "v5/position/set-leverage"
PROBE = "BTCUSDT"  # where the position mode is looked at
SIDES = {OrderSide.BUY: "Buy", OrderSide.SELL: "Sell"}
IDS = re.compile(r"[A-Za-z0-9_-]{1,36}")
RULES_MAX_S = 86_400.0  # trading rules older than a day are no rules
LEVERED_S = 300.0  # leverage looked at before that is looked at again
BLOCKED_S = 900.0  # a symbol that takes no entries is left alone so long
CANCEL_PAUSES_S = (0.1, 0.3, 1.0)  # a cancel is done when the order shows it
STOP_PAUSES_S = (0.0, 0.2, 0.5)  # reads lag writes
REFUSALS = frozenset({Meaning.REFUSED, Meaning.FLAT, Meaning.BLOCKED, Meaning.LATE})
LOOKED_UP = frozenset({Meaning.EXISTS, Meaning.PROCESSING, Meaning.LATE})
LEVERAGE_STEP = Decimal("0.01")


class TradeTerms(NamedTuple):
    """What the adapter is told once: where, who, and since when the ledger counts."""

    rest_url: str
    name: str  # of the instance, in every order id
    leverage_max: float  # gross notional over equity that the risk rules allow
    now_ms: Callable[[], Ms]  # the venue's time
    began_ms: Ms  # of the account: nothing older is read; of a new ledger, now
    since_ms: Ms  # the newest moment the ledger knows
    stamp: Callable[[], str] = str  # of the ledger, in every order id; empty before its birth
    timing: Timing = Timing()
    deadline_s: float = DEADLINE_S


class BybitExchange(MarketReads):
    """The `Exchange` port; market data comes from `reader`, orders leave by a connection of ours.

    Writes return their one event; `Denied` is raised. Fills, ends and stops that follow an accepted
    order go to `sink`. Raises `ConfigError` for an address a key must not be sent to.
    """

    def __init__(
        self, reader: BybitReader, keys: Keys, terms: TradeTerms, sink: Callable[[Event], None]
    ) -> None:
        url = terms.rest_url.rstrip("/")
        super().__init__(reader)
        self._reader = reader  # itself, for what the port does not say
        self._timing = terms.timing
        self._wire = PrivateWire(url, keys, terms.now_ms, reader.address, terms.deadline_s)
        names = Names(terms.name, terms.stamp)
        self._lookup = Lookup(self._wire, names)
        self._followers = Followers(self._lookup, terms.timing, sink)
        span = Span(terms.began_ms, terms.since_ms)
        self._statements = Statements(self._wire, names, terms.now_ms, span, sink)
        wanted = max(Decimal(1), exact(terms.leverage_max))
        self._leverage = wanted.quantize(LEVERAGE_STEP, ROUND_CEILING)
        self._levered: dict[str, float] = {}  # symbol -> monotonic time of the last look at it
        self._blocked: dict[str, float] = {}  # symbol -> monotonic end of it

    @property
    def problem(self) -> str | None:
        """Why the venue denies us; None while it does not."""
        return self._wire.problem

    async def standing(self) -> Standing:
        """How account and key stand; raises `Transient` or `Denied`."""
        listed = await self._reader.listed()
        return await read_standing(self._wire, PROBE if PROBE in listed else min(listed))

    # -- writes ----------------------------------------------------------------------------------

    async def place(self, order: Order) -> Event:
        """`OrderAccepted`, `OrderRefused` with proof of it, else `OrderUnknown`; raises `Denied`.

        What is executed follows through the sink.
        """
        self._followers.check()
        try:
            accepted = await self._place(order)
        except RefusedByExchange as refused:
            return OrderRefused(order.id, refused.refusal, str(refused))
        except Denied:
            raise
        except ExchangeError as problem:
            return OrderUnknown(order.id, str(problem))
        self._followers.follow(order)
        return accepted

    async def _place(self, order: Order) -> OrderAccepted:
        self._check(order)
        if order.purpose is Purpose.ENTRY:
            await self._lever(order.symbol)
        try:
            is_entry = order.purpose.is_growing
            result = await self._wire.tell(CREATE, self._body(order), is_optional=is_entry)
        except Coded as problem:
            return await self._refused(order, problem)
        except Silenced as silence:  # it never left
            raise RefusedByExchange(Refusal.OTHER, f"not sent: {silence}") from silence
        return OrderAccepted(order.id, result["orderId"])

    async def _refused(self, order: Order, problem: Coded) -> OrderAccepted:
        """What a return code says of an order: refused, there already, or nobody knows.

        What only reduces may be sent again under its id: the refusal of the second is no word
        about the first.
        """
        meaning = problem.meaning
        if meaning is Meaning.BLOCKED:
            self._blocked[order.symbol] = self._timing.monotonic() + BLOCKED_S
        if meaning in LOOKED_UP or (order.reduce_only and meaning in REFUSALS):
            try:
                found = await self._lookup.find(order)
            except Denied as denial:  # of the question: it says nothing about the order
                raise OutcomeUnknown(f"{problem}; {denial}") from denial
            if isinstance(found, OrderAccepted):
                return found
            if isinstance(found, OrderGone):
                return OrderAccepted(order.id)
        if meaning in REFUSALS:
            raise RefusedByExchange(problem.refusal, str(problem)) from problem
        raise OutcomeUnknown(str(problem)) from problem

    def _check(self, order: Order) -> None:
        """Refuse here what must never reach the venue."""
        prices = [p for p in (order.price, order.stop) if p is not None]
        shut_s = self._blocked.get(order.symbol, 0.0) - self._timing.monotonic()
        is_entry = order.purpose.is_growing
        faults = {
            f"id {order.id}: expected 1 to 36 letters, digits, _ or -": (
                IDS.fullmatch(order.id) is None
            ),
            f"qty {order.qty}: expected a positive number": not _is_positive(order.qty),
            f"prices {prices}: expected positive numbers": not all(map(_is_positive, prices)),
            f"price {order.price}: expected with LIMIT and IOC only": (
                (order.price is None) is not (order.kind is OrderKind.MARKET)
            ),
            f"{order.purpose}: expected reduce-only": is_entry is order.reduce_only,
            f"stop {order.stop}: expected with an entry, and only there": (
                (order.stop is None) is (order.purpose is Purpose.ENTRY)
            ),
            "trading rules: expected younger than a day": (
                is_entry and self._reader.rules_age_s > RULES_MAX_S
            ),
        }
        for words, is_true in faults.items():
            if is_true:
                raise RefusedByExchange(Refusal.OTHER, words)
        if is_entry and shut_s > 0:
            words = f"{order.symbol}: the exchange takes no entries, asked again in {shut_s:.0f} s"
            raise RefusedByExchange(Refusal.SYMBOL, words)

    def _body(self, order: Order) -> dict[str, Any]:
        """The request, numbers as exact texts; what only reduces may be cut to the venue's most."""
        qty = order.qty
        most = self._reader.qty_max(order.symbol)
        if order.reduce_only and order.kind is OrderKind.MARKET and most is not None:
            qty = min(qty, most)  # the rest is asked for when this has ended
        body: dict[str, Any] = {
            "category": LINEAR,
            "symbol": order.symbol,
            "side": SIDES[order.side],
            "orderType": "Market" if order.kind is OrderKind.MARKET else "Limit",
            "qty": format(qty, "f"),
            "timeInForce": "GTC" if order.kind is OrderKind.LIMIT else "IOC",
            "orderLinkId": order.id,
            "positionIdx": 0,
            "reduceOnly": order.reduce_only,
        }
        if order.price is not None:
            body["price"] = format(order.price, "f")
        if order.stop is not None:
            body |= _stop_of(order.stop)
        return body

    async def _lever(self, symbol: str) -> None:
        """The lowest leverage that covers what the risk rules allow; people change it by hand."""
        if self._timing.monotonic() - self._levered.get(symbol, -inf) < LEVERED_S:
            return
        wanted = format(self._leverage.normalize(), "f")
        body = {"category": LINEAR, "symbol": symbol, "buyLeverage": wanted, "sellLeverage": wanted}
        try:
            await self._tell_same(SET_LEVERAGE, body, is_optional=True)
            rows = await self._lookup.positions(symbol)
        except Coded as problem:
            if problem.meaning is Meaning.BLOCKED:
                self._blocked[symbol] = self._timing.monotonic() + BLOCKED_S
            raise RefusedByExchange(problem.refusal, f"leverage {wanted}: {problem}") from problem
        except Transient as problem:
            raise RefusedByExchange(Refusal.OTHER, f"leverage {wanted}: {problem}") from problem
        shown = [row.leverage for row in rows]
        if not shown or any(x is None or x > self._leverage for x in shown):
            words = f"{symbol} leverage: expected at most {wanted}, found {shown or 'none'}"
            raise RefusedByExchange(Refusal.OTHER, words)
        self._levered[symbol] = self._timing.monotonic()

    async def cancel(self, order: Order) -> Event:
        """`OrderGone` once the order shows its end, or `OrderMissing`.

        Raises `Transient` while it still works, `OutcomeUnknown` when nobody knows, or `Denied`.
        """
        self._followers.check()
        body = {"category": LINEAR, "symbol": order.symbol, "orderLinkId": order.id}
        doubt: ExchangeError | None = None
        try:
            await self._wire.tell(CANCEL, body)
        except Coded as problem:
            doubt = None if problem.meaning is Meaning.TOO_LATE else problem
        except Denied:
            raise
        except Transient as problem:
            doubt = problem
        found = await self._ended(order, CANCEL_PAUSES_S if doubt is None else (0.0,))
        if isinstance(found, OrderGone):
            return found
        if doubt is not None:
            raise OutcomeUnknown(f"cancel {order.id}: {doubt}") from doubt
        if isinstance(found, OrderAccepted):
            raise Transient(f"cancel {order.id}: expected its end, found it working")
        return found

    async def _ended(self, order: Order, pauses_s: tuple[float, ...]) -> Event:
        """Look until the order ended, for a while."""
        found: Event = OrderMissing(order.id)
        for pause_s in pauses_s:
            if not isinstance(found, OrderGone):
                await self._timing.sleep(pause_s)
                found = await self._lookup.find(order)
        return found

    async def set_stop(self, position_id: int, symbol: str, side: Side, price: Decimal) -> Event:
        """Amend the stop in place: `StopSet` when it shows, `StopRefused`, else `StopUnknown`."""
        self._followers.check()
        try:
            return await self._set_stop(position_id, symbol, side, price)
        except RefusedByExchange as refused:
            return StopRefused(position_id, price, str(refused))
        except Denied:
            raise
        except ExchangeError as problem:
            return StopUnknown(position_id, price, str(problem))

    async def _set_stop(self, position_id: int, symbol: str, side: Side, price: Decimal) -> StopSet:
        if not _is_positive(price):
            raise RefusedByExchange(Refusal.OTHER, f"stop {price}: expected a positive number")
        body = {"category": LINEAR, "symbol": symbol, "positionIdx": 0, **_stop_of(price)}
        try:
            await self._tell_same(TRADING_STOP, body)
        except Coded as problem:
            if problem.meaning in REFUSALS - {Meaning.LATE}:
                raise RefusedByExchange(problem.refusal, str(problem)) from problem
            raise
        try:
            return await self._shown(position_id, symbol, side, price)
        except Denied as denial:  # of the look: the stop was taken
            raise OutcomeUnknown(f"stop {price} of {symbol}: {denial}") from denial

    async def _shown(self, position_id: int, symbol: str, side: Side, price: Decimal) -> StopSet:
        """Look until the position shows the stop, for a moment."""
        shown: Decimal | None = None
        for pause_s in STOP_PAUSES_S:
            await self._timing.sleep(pause_s)
            rows = [r for r in await self._lookup.positions(symbol) if r.side is side]
            shown = rows[0].stop if rows else None
            if shown == price:
                return StopSet(position_id, price, rows[0].updated_ms)
        raise OutcomeUnknown(f"stop {price} of {symbol}: expected it shown, found {shown}")

    async def _tell_same(
        self, path: str, body: dict[str, Any], *, is_optional: bool = False
    ) -> None:
        """A write for which "nothing changed" is success."""
        try:
            await self._wire.tell(path, body, is_optional=is_optional)
        except Coded as problem:
            if problem.meaning is not Meaning.NO_CHANGE:
                raise

    # -- the account -----------------------------------------------------------------------------

    async def find(self, order: Order) -> Event:
        """`OrderAccepted` while it works, `OrderGone` once ended, `OrderMissing` if nowhere."""
        self._followers.check()
        return await self._lookup.find(order)

    async def account(self) -> AccountSeen:
        """The whole account, consistent; raises `Transient` when any page failed, or `Denied`."""
        self._followers.check()
        return await self._statements.read()

    async def followed(self) -> None:
        """Return when nothing more is owed to the sink for accepted orders."""
        await self._followers.settled()

    # -- market data -----------------------------------------------------------------------------

    async def instruments(self) -> InstrumentsLoaded:
        """The venue's instruments."""
        return await self._reader.instruments()

    async def close(self) -> None:
        """Stop watching orders and release the connections."""
        await self._followers.close()
        await self._wire.close()
        await self._reader.close()


def _stop_of(price: Decimal) -> dict[str, Any]:
    """A stop for the whole position, at market, on the last trade: every word said."""
    return {
        "stopLoss": format(price, "f"),
        "slTriggerBy": "LastPrice",
        "slOrderType": "Market",
        "tpslMode": "Full",
    }


def _is_positive(x: Decimal) -> bool:
    return x.is_finite() and x > 0
