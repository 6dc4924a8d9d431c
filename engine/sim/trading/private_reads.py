"""The endpoints that list: orders, executions, positions, closed results, entries.

It exists so that filters, limits and cursors follow one pattern. It must never change the account.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from engine.core.values import Ms
from engine.sim.feed import DAY_MS
from engine.sim.trading.asked import Asked, invalid
from engine.sim.trading.desk import Desk
from engine.sim.trading.positions import Position
from engine.sim.trading.records import CANCELLED, REJECTED, UNTRIGGERED, Execution, Order, Stop
from engine.sim.trading.rows import COIN, Json
from engine.sim.trading.wallet import Entry
from engine.sim.venue_rest import PARAMETER_ERROR, Refused

UNFILLED_KEPT_MS = DAY_MS  # how long order/history knows what ended without a fill
CLOSED_KEPT = 500  # ended orders that order/realtime still knows
_SCOPES = ("symbol", "settleCoin", "baseCoin")
_Item = TypeVar("_Item", Order, Execution, Entry)


class Reads:
    """Bodies of one desk; `as_of_ms` shows the account as it was then."""

    def __init__(self, desk: Desk) -> None:
        self._ledger = desk.ledger
        self._rows = desk.ledger.rows
        self._market = desk.market

    def realtime(self, asked: Asked, as_of_ms: Ms | None) -> Json:
        """order/realtime: open orders; by id, or with `openOnly=1`, ended ones of late too."""
        symbols, has_id = self._symbols(asked), "orderId" in asked or "orderLinkId" in asked
        seen = list(self._seen(as_of_ms))
        found = [o for o in seen if o.is_open and (has_id or not asked.whole("openOnly"))]
        if has_id or asked.whole("openOnly"):
            ended = [o for o in seen if not o.is_open and not self._is_forgotten(o)]
            found = sorted(found + ended[:CLOSED_KEPT], key=lambda order: -order.number)
        wanted = [o for o in found if o.symbol in symbols and _is_meant(o, asked)]
        return self._orders(wanted, asked)

    def history(self, asked: Asked, as_of_ms: Ms | None) -> Json:
        """order/history: ended orders; those without any fill only for 24 hours."""
        symbols, now_ms = self._symbols(asked, is_needed=False), self._now(as_of_ms)
        start, end = asked.window(now_ms)
        found = [
            order
            for order in self._seen(as_of_ms)
            if order.symbol in symbols
            and not order.is_open
            and start <= order.created_ms <= end
            and _is_meant(order, asked)
            and asked.text("orderStatus", order.status) == order.status
            and not _is_purged(order, now_ms)
        ]
        return self._orders(found, asked)

    def executions(self, asked: Asked, as_of_ms: Ms | None) -> Json:
        """execution/list: every kind unless `execType` names one, newest first."""
        symbols, now_ms = self._symbols(asked, is_needed=False), self._now(as_of_ms)
        start, end = asked.window(now_ms)
        found = [
            seen
            for seen in reversed(self._ledger.executions)
            if seen.order.symbol in symbols
            and start <= seen.at_ms <= min(end, now_ms)
            and asked.text("execType", seen.kind) == seen.kind
            and _is_by(seen.order, asked)
        ]
        page, cursor = _page(found, asked, 50, 100)
        return _listed([self._rows.execution(e) for e in page], cursor)

    def positions(self, asked: Asked, as_of_ms: Ms | None) -> Json:
        """position/list: of a symbol even when flat, of a settlement coin only what is held."""
        symbol = asked.text("symbol")
        if symbol:
            symbols = [self._market.rules(symbol).symbol]
        elif asked.text("settleCoin") == COIN:
            symbols = list(self._market.instruments)
        else:
            raise Refused(PARAMETER_ERROR, "params error: symbol or settleCoin is required")
        rows = [
            row
            for name in symbols
            for idx in ((1, 2) if name in self._ledger.hedged else (0,))
            if (row := self._position(name, idx, as_of_ms))["side"] or symbol
        ]
        first, limit = asked.whole("cursor"), _limit(asked, 20, 200)
        last = first + limit
        return _listed(rows[first:last], str(last) if last < len(rows) else "")

    def closed_pnl(self, asked: Asked, _as_of_ms: Ms | None) -> Json:
        """position/closed-pnl: one row for each order that closed something, newest first."""
        symbols = self._symbols(asked, is_needed=False)
        start, end = asked.window(self._market.now_ms)
        closing: dict[str, list[Execution]] = {}
        for seen in self._ledger.executions:
            if seen.closed.size and seen.order.symbol in symbols:
                closing.setdefault(seen.order.id, []).append(seen)
        found = [
            self._ledger.orders[order_id]
            for order_id, seen in closing.items()
            if start <= seen[-1].at_ms <= end
        ]
        found.sort(key=lambda order: -order.number)
        page, cursor = _page(found, asked, 50, 100)
        lever = self._ledger.lever
        rows = [self._rows.closed_pnl(o, closing[o.id], lever(o.symbol)) for o in page]
        return _listed(rows, cursor)

    def transactions(self, asked: Asked, _as_of_ms: Ms | None) -> Json:
        """account/transaction-log: what changed the cash, newest first, of 24 hours by default."""
        start, end = asked.window(self._market.now_ms, DAY_MS)
        found = [
            entry
            for entry in reversed(self._ledger.wallet.entries)
            if start <= entry.at_ms <= end
            and asked.text("type", entry.kind) == entry.kind
            and asked.text("currency", COIN) == COIN
        ]
        page, cursor = _page(found, asked, 20, 50)
        return {"list": [self._rows.entry(e) for e in page], "nextPageCursor": cursor}

    # -- which ones ------------------------------------------------------------------------------

    def _now(self, as_of_ms: Ms | None) -> Ms:
        return self._market.now_ms if as_of_ms is None else as_of_ms

    def _seen(self, as_of_ms: Ms | None) -> Iterator[Order]:
        """Orders as they stood, newest first."""
        for order in reversed(self._ledger.orders.values()):
            seen = order if as_of_ms is None else self._ledger.past.order(order.id, as_of_ms)
            if seen is not None:
                yield seen

    def _position(self, symbol: str, idx: int, as_of_ms: Ms | None) -> Json:
        """The row as it stood: that of a flat position if nothing had happened yet."""
        if as_of_ms is None:
            return self._ledger.position_row(self._ledger.position(symbol, idx))
        seen = self._ledger.past.position((symbol, idx), as_of_ms)
        return seen or self._ledger.position_row(Position(symbol, idx))

    def _is_forgotten(self, order: Order) -> bool:
        return self._ledger.orders[order.id].is_forgotten

    def _symbols(self, asked: Asked, *, is_needed: bool = True) -> set[str]:
        """The symbols that are meant; an order's id means whichever it is in."""
        symbol, base = asked.text("symbol"), asked.text("baseCoin")
        coin = asked.text("settleCoin", COIN)
        if symbol:
            return {self._market.rules(symbol).symbol}
        is_scoped = any(name in asked for name in (*_SCOPES, "orderId", "orderLinkId"))
        if is_needed and not is_scoped:
            raise Refused(PARAMETER_ERROR, "params error: symbol or settleCoin is required")
        rules = self._market.instruments.values()
        return {r.symbol for r in rules if r.quote == coin and (not base or r.base == base)}

    def _orders(self, found: list[Order], asked: Asked) -> Json:
        page, cursor = _page(found, asked, 20, 50)
        return _listed([self._rows.order(order) for order in page], cursor)


def _is_by(order: Order, asked: Asked) -> bool:
    """Whether the ids asked for mean this order: orderId before orderLinkId."""
    if "orderId" in asked:
        return order.id == asked.text("orderId")
    return asked.text("orderLinkId", order.link) == order.link


def _is_meant(order: Order, asked: Asked) -> bool:
    """Whether ids and filter mean this order; a triggered one counts as an order like any other."""
    which = asked.one_of("orderFilter", ("", "Order", "StopOrder"))
    is_conditional = order.stop is not Stop.NONE and (
        order.status == UNTRIGGERED or not order.is_open
    )
    return _is_by(order, asked) and (not which or is_conditional == (which == "StopOrder"))


def _is_purged(order: Order, now_ms: Ms) -> bool:
    is_empty = order.status in (CANCELLED, REJECTED) and not order.filled
    return is_empty and order.updated_ms < now_ms - UNFILLED_KEPT_MS


def _limit(asked: Asked, default: int, most: int) -> int:
    limit = asked.whole("limit", default)
    if limit < 1:
        raise invalid("limit")
    return min(limit, most)


def _page(found: Iterable[_Item], asked: Asked, default: int, most: int) -> tuple[list[_Item], str]:
    """Items older than the cursor, which is the number of the last one sent before."""
    limit = _limit(asked, default, most)
    if "cursor" in asked:
        before = asked.whole("cursor")
        found = [item for item in found if item.number < before]
    page = list(found)
    cursor = str(page[limit - 1].number) if len(page) > limit else ""
    return page[:limit], cursor


def _listed(rows: list[Json], cursor: str) -> Json:
    return {"category": "linear", "list": rows, "nextPageCursor": cursor}
