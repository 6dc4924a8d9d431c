"""Orders, positions, executions and wallet entries as the exchange writes them.

They exist so that REST and the private stream show the same fields: every number is a text, an
empty text is none. They must never change what they show.
"""

from decimal import Decimal
from typing import Any

from engine.sim.trading.market import Market
from engine.sim.trading.positions import Position
from engine.sim.trading.records import FILLED, ZERO, Execution, Order, Protection, Stop
from engine.sim.trading.wallet import Entry

Json = dict[str, Any]

COIN = "USDT"
_NOTHING = Protection()


def plain(number: Decimal) -> str:
    """Without exponent and without zeros at the end."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"


class Rows:
    """Renders with the digits of the instruments."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def order(self, order: Order) -> Json:
        """A row of order/realtime and order/history."""
        symbol, trigger = order.symbol, order.trigger
        left = order.left if order.is_open else ZERO
        return {
            "orderId": order.id,
            "orderLinkId": order.link,
            "parentOrderLinkId": order.parent_link,
            "blockTradeId": "",
            "symbol": symbol,
            "price": self._price(symbol, order.price),
            "qty": self._market.qty_text(symbol, order.qty),
            "side": order.side,
            "isLeverage": "",
            "positionIdx": order.idx,
            "orderStatus": order.status,
            "createType": order.create_type,
            "cancelType": order.cancel_type,
            "rejectReason": order.reject_reason,
            "avgPrice": plain(_average(order)) if order.filled else "",
            "leavesQty": self._market.qty_text(symbol, left),
            "leavesValue": plain(left * order.price),
            "cumExecQty": self._market.qty_text(symbol, order.filled),
            "cumExecValue": plain(order.value),
            "cumExecFee": plain(order.fee),
            "cumFeeDetail": {COIN: plain(order.fee)} if order.filled else {},
            "timeInForce": order.lifetime,
            "orderType": order.kind,
            "orderIv": "",
            "placeType": "",
            "stopOrderType": str(order.stop),
            "triggerPrice": "" if trigger is None else self._price(symbol, trigger.price),
            "triggerDirection": 0 if trigger is None else trigger.direction,
            "triggerBy": "" if trigger is None else trigger.by,
            **self._protection(order),
            "lastPriceOnCreated": self._price(symbol, order.seen_price),
            "reduceOnly": order.is_reducing,
            "closeOnTrigger": order.closes_on_trigger,
            "smpType": "None",
            "smpGroup": 0,
            "smpOrderId": "",
            "createdTime": str(order.created_ms),
            "updatedTime": str(order.updated_ms),
        }

    def order_news(self, order: Order) -> Json:
        """An item of the order topic."""
        row = self.order(order)
        extra = {"category": "linear", "closedPnl": plain(order.closed_pnl), "feeCurrency": ""}
        return row | extra

    def second_filled(self, row: Json) -> Json:
        """What the exchange sometimes sends after Filled: a cancel that came too late."""
        assert row["orderStatus"] == FILLED, row
        late = {"cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"}
        return row | late

    def execution(self, seen: Execution) -> Json:
        """A row of execution/list."""
        order, symbol = seen.order, seen.order.symbol
        is_funding = seen.kind == "Funding"
        return {
            "symbol": symbol,
            "orderId": order.id,
            "orderLinkId": order.link,
            "side": seen.side,
            "orderPrice": "0" if is_funding else self._price(symbol, order.price),
            "orderQty": self._market.qty_text(symbol, ZERO if is_funding else order.qty),
            "leavesQty": self._market.qty_text(symbol, ZERO if is_funding else order.left),
            "createType": "" if is_funding else order.create_type,
            "orderType": "UNKNOWN" if is_funding else order.kind,
            "stopOrderType": str(order.stop) or "UNKNOWN",
            "execFee": plain(seen.fee),
            "execId": seen.id,
            "execPrice": self._price(symbol, seen.price),
            "execQty": self._market.qty_text(symbol, seen.qty),
            "execType": seen.kind,
            "execValue": plain(seen.price * seen.qty),
            "execTime": str(seen.at_ms),
            "feeRate": plain(seen.fee_rate),
            "feeCurrency": COIN,
            "isMaker": seen.is_maker,
            "markPrice": self._price(symbol, seen.mark),
            "indexPrice": "",
            "markIv": "",
            "tradeIv": "",
            "underlyingPrice": "",
            "blockTradeId": "",
            "closedSize": self._market.qty_text(symbol, seen.closed.size),
            "extraFees": "",
            "seq": seen.seq,
        }

    def execution_news(self, seen: Execution) -> Json:
        """An item of the execution topic."""
        extra = {"category": "linear", "execPnl": plain(seen.closed.gross), "isLeverage": "0"}
        return self.execution(seen) | extra

    def position(self, held: Position, leverage: Decimal, mark: Decimal) -> Json:
        """A row of position/list; flat ones have an empty side and size 0."""
        symbol, value = held.symbol, held.cost
        margin = value / leverage
        return {
            "positionIdx": held.idx,
            "riskId": 1,
            "riskLimitValue": "2000000",
            "symbol": symbol,
            "side": held.side,
            "size": self._market.qty_text(symbol, held.size),
            "avgPrice": plain(round(held.average, 10)),
            "positionValue": plain(value) if held.size else "",
            "tradeMode": 0,
            "autoAddMargin": 0,
            "positionStatus": held.status,
            "leverage": plain(leverage),
            "markPrice": self._price(symbol, mark),
            "liqPrice": "",
            "bustPrice": "",
            "breakEvenPrice": self._break_even(held),
            "positionIM": plain(round(margin, 8)) if held.size else "",
            "positionIMByMp": plain(round(margin, 8)) if held.size else "",
            "positionMM": plain(round(value * MAINTENANCE, 8)) if held.size else "",
            "positionMMByMp": plain(round(value * MAINTENANCE, 8)) if held.size else "",
            "positionBalance": plain(round(margin, 8)) if held.size else "0",
            "takeProfit": self._price(symbol, held.profit or ZERO),
            "stopLoss": self._price(symbol, held.stop or ZERO),
            "trailingStop": self._price(symbol, held.trail or ZERO) or "0",
            "tpslMode": held.mode,
            "sessionAvgPrice": "",
            "unrealisedPnl": plain(held.result_at(mark)) if held.size else "",
            "curRealisedPnl": plain(held.realized) if held.size else "0",
            "cumRealisedPnl": plain(held.realized_ever),
            "adlRankIndicator": 2 if held.size else 0,
            "isReduceOnly": False,
            "mmrSysUpdatedTime": "",
            "leverageSysUpdatedTime": "",
            "createdTime": str(held.created_ms),
            "updatedTime": str(held.updated_ms),
            "openTime": held.opened_ms if held.size else 0,
            "seq": held.seq,
        }

    def position_news(self, row: Json) -> Json:
        """An item of the position topic, from a row of position/list."""
        news = {name: value for name, value in row.items() if name != "avgPrice"}
        return news | {"entryPrice": row["avgPrice"], "category": "linear"}

    def entry(self, entry: Entry) -> Json:
        """A row of account/transaction-log."""
        seen = entry.execution
        texts = {
            "id": f"{entry.number}",
            "symbol": "",
            "category": "",
            "side": "None",
            "transactionTime": str(entry.at_ms),
            "type": entry.kind,
            "transSubType": "",
            "qty": "0",
            "size": "0",
            "currency": COIN,
            "tradePrice": "",
            "funding": "",
            "fee": "0",
            "cashFlow": plain(entry.change),
            "change": plain(entry.change),
            "cashBalance": plain(entry.balance),
            "feeRate": "",
            "bonusChange": "",
            "tradeId": "",
            "orderId": "",
            "orderLinkId": "",
            "extraFees": "",
        }
        return texts if seen is None else texts | self._entry_of(seen, entry.size)

    def closed_pnl(self, order: Order, seen: list[Execution], leverage: Decimal) -> Json:
        """A row of position/closed-pnl: the executions of one order that closed something."""
        size = sum((e.closed.size for e in seen), ZERO)
        entry_value = sum((e.closed.entry_value for e in seen), ZERO)
        exit_value = sum((e.closed.size * e.price for e in seen), ZERO)
        return {
            "symbol": order.symbol,
            "orderId": order.id,
            "side": order.side,
            "qty": self._market.qty_text(order.symbol, order.qty),
            "orderPrice": self._price(order.symbol, order.price),
            "orderType": order.kind,
            "execType": seen[-1].kind,
            "closedSize": self._market.qty_text(order.symbol, size),
            "cumEntryValue": plain(entry_value),
            "avgEntryPrice": plain(round(entry_value / size, 10)),
            "cumExitValue": plain(exit_value),
            "avgExitPrice": plain(round(exit_value / size, 10)),
            "closedPnl": plain(order.closed_pnl),
            "fillCount": str(len(seen)),
            "leverage": plain(leverage),
            "createdTime": str(order.created_ms),
            "updatedTime": str(seen[-1].at_ms),
        }

    def _entry_of(self, seen: Execution, size: Decimal) -> Json:
        symbol, is_funding = seen.order.symbol, seen.kind == "Funding"
        return {
            "symbol": symbol,
            "category": "linear",
            "side": seen.side,
            "qty": self._market.qty_text(symbol, seen.qty),
            "size": self._market.qty_text(symbol, size),
            "tradePrice": self._price(symbol, seen.price),
            "funding": plain(-seen.fee) if is_funding else "",
            "fee": "0" if is_funding else plain(seen.fee),
            "cashFlow": plain(seen.closed.gross),
            "feeRate": plain(seen.fee_rate),
            "tradeId": seen.id,
            "orderId": seen.order.id,
            "orderLinkId": seen.order.link,
        }

    def _protection(self, order: Order) -> Json:
        given, symbol = order.protection or _NOTHING, order.symbol
        is_given = order.protection is not None
        has_mode = is_given or (order.stop.is_own and order.stop is not Stop.TRAILING)
        own_mode = "Partial" if order.stop.is_partial else given.mode
        return {
            "takeProfit": self._price(symbol, given.profit or ZERO),
            "stopLoss": self._price(symbol, given.stop or ZERO),
            "tpslMode": own_mode if has_mode else "",
            "tpTriggerBy": given.profit_by if given.profit is not None else "",
            "slTriggerBy": given.stop_by if given.stop is not None else "",
            "tpLimitPrice": self._price(symbol, given.profit_limit or ZERO),
            "slLimitPrice": self._price(symbol, given.stop_limit or ZERO),
        }

    def _break_even(self, held: Position) -> str:
        """Where closing at market leaves nothing of this life, fees and funding included."""
        if not held.size:
            return ""
        rate = self._market.rate(held.symbol, is_maker=False)
        price = (held.cost - held.sign * held.realized) / (held.size * (1 - held.sign * rate))
        return plain(round(price, 10))

    def _price(self, symbol: str, price: Decimal) -> str:
        return self._market.price_text(symbol, price) if price else ""


MAINTENANCE = Decimal("0.005")  # of the value of a position


def _average(order: Order) -> Decimal:
    return round(order.value / order.filled, 10)
