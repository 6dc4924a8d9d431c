"""The table of faults: what is injected, what must be seen, and what is required.

It exists so that each fault of REST, streams, order life cycle and stop protection has one row
that is lived through by the real process. Some need a hand beside the fault: an action.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from e2e import fault_acts as act
from e2e import fault_sights as see
from e2e.live_world import LiveWorld, Seen

from engine.core.values import OrderState, Purpose

Json = dict[str, Any]
Act = Callable[[LiveWorld], Awaitable[None]]

PATIENCE_S = 60.0
CREATE, READS = "order/create", ("position/list", "order/realtime", "execution/list")
UNCLEAR = (10000, 5004, 10016, 429, 110079, 170001, 170005, 170007, 170032, 170146)


class Row(msgspec.Struct, frozen=True):
    """One fault lived through."""

    name: str
    faults: tuple[Json, ...]
    seen: Seen
    required: str
    act: Act | None = None  # what somebody does once the faults stand
    after: Seen | None = None  # what must be seen once they are cleared
    patience_s: float = PATIENCE_S
    is_quick: bool = False  # lived through by the suite; the others by the whole table


def fault(target: str, kind: str, **more: object) -> Json:
    """One fault as the exchange takes it."""
    return {"target": target, "kind": kind, **more}


def reply(target: str, **more: object) -> Json:
    """Another answer in place of the true one."""
    return fault(target, "reply", **more)


def codes(*, apply: bool) -> tuple[Json, ...]:
    """Each unclear return code once, one after another."""
    return tuple(reply(CREATE, ret_code=code, apply=apply, times=1) for code in UNCLEAR)


REST = (
    Row(
        "FT01 create times out, order was placed",
        (fault(CREATE, "lose_response", times=2),),
        see.filled_after_doubt,
        "looked up by its id and adopted; never a second order",
        is_quick=True,
    ),
    Row(
        "FT02 create times out, order was not placed",
        (fault(CREATE, "lose_request", times=2),),
        see.resolved(1),
        "an exit is sent again under its id, an entry is given up after two misses everywhere",
        is_quick=True,
    ),
    Row(
        "FT03 late apply",
        (fault(CREATE, "late_apply", delay_s=40, times=2),),
        see.resolved(2),
        "recognized by its id; never unprotected, never counted twice",
        is_quick=True,
    ),
    Row(
        "FT04 unreadable answer to a create, applied",
        (reply(CREATE, body="<html>busy</html>", apply=True, times=2),),
        see.resolved(1),
        "unknown, looked up, adopted",
        is_quick=True,
    ),
    Row(
        "FT04 unreadable answer to a create, not applied",
        (reply(CREATE, body="", times=2),),
        see.resolved(1),
        "unknown, looked up, not there",
    ),
    Row(
        "FT04 unreadable reads",
        tuple(reply(path, body='{"retCode":0,"result":null}', times=4) for path in READS),
        see.both(see.fired(8), see.no_mismatch),
        "an unreadable read changes no belief",
        is_quick=True,
    ),
    Row(
        "FT05 ten unclear codes, applied",
        codes(apply=True),
        see.both(see.fired(6), see.resolved(4)),
        "never taken for a rejection without a look-up",
        patience_s=90,
        is_quick=True,
    ),
    Row(
        "FT05 ten unclear codes, not applied",
        codes(apply=False),
        see.both(see.fired(6), see.resolved(4)),
        "never taken for a rejection without a look-up",
        patience_s=90,
    ),
    Row(
        "FT06 body cut",
        (fault(CREATE, "cut", times=2), fault("position/list", "cut", times=2)),
        see.both(see.fired(3), see.resolved(1)),
        "as a create that timed out",
        is_quick=True,
    ),
    Row(
        "FT06 body that stalls",
        (fault(CREATE, "slow", delay_s=12, times=1),),
        see.resolved(1),
        "a deadline of our own ends the call; then looked up",
    ),
    Row(
        "FT07 too many visits",
        tuple(reply(path, ret_code=10006, times=3) for path in (CREATE, *READS)),
        see.both(see.fired(6), see.opened()),
        "waits as told, goes on; no tight loop",
        is_quick=True,
    ),
    Row(
        "FT07 banned",
        (reply("position/list", status=403, body="access too frequent", times=1),),
        see.gate("exchange_down"),
        "silence for ten minutes, told once, then compared before any entry",
        after=see.gate("exchange_down", opened=True),
        patience_s=90,
    ),
    Row(
        "FT08 exit behind a backlog of candles",
        (fault("market/kline", "slow", delay_s=2), fault("public", "close", times=1)),
        see.both(see.fired(3), see.quick_exit),
        "an exit is on the wire within a second",
        act=act.close_one,
        is_quick=True,
    ),
    Row(
        "FT09 timestamp refused",
        tuple(reply(path, ret_code=10002, times=2) for path in (CREATE, *READS)),
        see.both(see.fired(4), see.opened()),
        "the clock is read again; a refused create is verified before anything is repeated",
    ),
    Row(
        "FT10 key refused while a position is open",
        (reply("private", ret_code=33004),),
        see.gate("exchange_down"),
        "entries off, loudly; no storm; protection goes on trying",
        after=see.gate("exchange_down", opened=True),
        patience_s=90,
        is_quick=True,
    ),
    Row(
        "FT12 reads lag behind",
        tuple(fault(path, "stale_reads", delay_s=10) for path in READS),
        see.both(see.opened(2), see.closed(), see.no_mismatch),
        "never entered or closed again for an old read",
        is_quick=True,
    ),
    Row(
        "FT13 a later page is lost",
        (fault("order/realtime", "page_lost"),),
        see.both(see.fired(1), see.no_mismatch),
        "the whole read is void; absence is never inferred from page one",
        act=act.place_sixty_orders,
        patience_s=90,
    ),
    Row(
        "FT14 exchange down for ten minutes with open positions",
        (reply("private", status=502), reply("market/time", status=502)),
        see.gate("exchange_down"),
        "slow retries, truthful status, compared before anything else",
        after=see.gate("exchange_down", opened=True),
        patience_s=90,
        is_quick=True,
    ),
    Row(
        "FT15 valid but impossible numbers",
        (reply("position/list", body=act.INSANE, times=4),),
        see.both(see.fired(3), see.no_mismatch),
        "never sized or stopped by them",
    ),
)

STREAM = (
    Row(
        "FT16 everything silent, pongs go on",
        (fault("public", "stall"),),
        see.logged("stream.lost"),
        "found by age, reconnected, nothing opened on old data",
        after=see.logged("market data flows"),
        patience_s=90,
    ),
    Row(
        "FT16 one topic silent",
        (fault("orderbook.50", "stall"),),
        see.logged("flow.lost"),
        "that topic is subscribed anew",
        patience_s=90,
        is_quick=True,
    ),
    Row(
        "FT17 accepted and closed at once",
        (fault("public", "close", times=8),),
        see.both(see.fired(4), see.logged("stream.retried", 3)),
        "own backoff, never above 60 connects in five minutes",
        is_quick=True,
        patience_s=90,
    ),
    Row(
        "FT18 handshake refused",
        (fault("public", "refuse", status=403), fault("public", "close", times=1)),
        see.logged("HTTP 403"),
        "tries slowly, recovers by itself",
        after=see.opened(),
        patience_s=150,
    ),
    Row(
        "FT19 no pong",
        (fault("public", "no_pong"),),
        see.logged("no pong"),
        "reconnected after ten seconds",
        patience_s=120,
    ),
    Row(
        "FT20 subscriptions refused and unanswered",
        (
            fault("public", "close", times=1),
            fault("tickers", "sub_fail", times=1),
            fault("kline", "ack_lost", times=2),
        ),
        see.fired(3),
        "a topic lives after its first data, an ack proves nothing",
        after=see.opened(),
        patience_s=90,
    ),
    Row(
        "FT21 gap and crossed book",
        (fault("orderbook", "gap", times=3), fault("orderbook", "crossed", times=3)),
        see.both(see.fired(4), see.logged("book.lost", 2)),
        "discarded and subscribed anew",
        is_quick=True,
    ),
    Row(
        "FT21 restart of the exchange",
        (fault("*", "restart", delay_s=20),),
        see.logged("stream.lost"),
        "u = 1 replaces; compared before entries",
        after=see.opened(),
        patience_s=90,
        is_quick=True,
    ),
    Row(
        "FT22 closed candles late, twice, lost",
        (fault("kline", "dup", p=0.5), fault("kline", "drop", p=0.2)),
        see.both(see.fired(20), see.opened()),
        "each closed bar is judged once; what is missing is fetched",
        is_quick=True,
        patience_s=90,
    ),
    Row(
        "FT23 outage across several closes",
        (fault("public", "close", times=1), fault("public", "refuse", status=502)),
        see.gate("stale_data"),
        "history is fetched before anything is decided; old breakouts are not traded",
        after=see.gate("stale_data", opened=True),
        patience_s=90,
        is_quick=True,
    ),
    Row(
        "FT25 prints twice and out of order",
        (fault("publicTrade", "dup", p=0.5), fault("publicTrade", "reorder", p=0.5)),
        see.both(see.fired(20), see.opened()),
        "counted once, in their own second",
    ),
    Row(
        "FT27 frames that cannot be read",
        (fault("public", "garbage", p=0.01),),
        see.both(see.fired(4), see.opened()),
        "counted and skipped, or reconnected; the task lives",
        is_quick=True,
        patience_s=90,
    ),
)

ORDERS = (
    Row(
        "FT29 entry filled in part",
        (fault(CREATE, "partial", p=0.4, times=2),),
        see.ended(OrderState.CANCELED, Purpose.ENTRY),
        "position and stop follow the executions",
        is_quick=True,
    ),
    Row(
        "FT30 cancel meets a fill",
        tuple(reply("order/cancel", ret_code=code, times=2) for code in (110001, 110008, 110010)),
        see.both(see.fired(2), see.closed()),
        "too late is looked up, never presumed",
        patience_s=90,
    ),
    Row(
        "FT31 acknowledged, then nothing filled",
        (fault(CREATE, "no_fill", times=2),),
        see.ended(OrderState.CANCELED, Purpose.ENTRY),
        "nothing is called opened before an execution",
        is_quick=True,
    ),
    Row(
        "FT31 acknowledged, then rejected",
        (fault(CREATE, "reject_after_ack", times=2),),
        see.ended(OrderState.REFUSED),
        "the intent failed, and is told",
        is_quick=True,
    ),
    Row(
        "FT32 market exit filled in part",
        (fault(CREATE, "partial", p=0.5, times=4),),
        see.closed("operator"),
        "exits go on until the position is zero",
        act=act.close_one,
        is_quick=True,
    ),
    Row(
        "FT33 duplicate id",
        (reply(CREATE, ret_code=110072, apply=True, times=2),),
        see.both(see.fired(1), see.opened()),
        "exists already: looked up, no new id",
        is_quick=True,
    ),
    Row(
        "FT37 insufficient balance again and again",
        (reply(CREATE, ret_code=110007, times=4),),
        see.ended(OrderState.REFUSED),
        "refused, told, the same signal is not tried again",
        is_quick=True,
    ),
    Row(
        "FT38 already flat when we close",
        (reply(CREATE, ret_code=110017, times=1),),
        see.closed(),
        "compared; never without reduce-only",
        act=act.close_by_hand_and_ours,
        is_quick=True,
    ),
    Row(
        "FT39 stop, close and panic at once",
        (),
        see.closed(),
        "one closing intent; the position never crosses zero",
        act=act.close_three_ways,
        is_quick=True,
    ),
    Row(
        "FT40 closed by hand",
        (),
        see.incident("outside_fill"),
        "seen within 30 s, adopted",
        act=act.close_by_hand,
        is_quick=True,
    ),
    Row(
        "FT40 stop removed by hand",
        (),
        see.stop_asked,
        "put back",
        act=act.drop_stop,
        is_quick=True,
    ),
    Row(
        "FT41 order caps",
        (reply(CREATE, ret_code=110009, times=3), reply(CREATE, ret_code=110020, times=2)),
        see.ended(OrderState.REFUSED),
        "protection needs no conditional order of ours",
    ),
)

STOPS = (
    Row(
        "FT42 filled, stop silently missing",
        (fault(CREATE, "no_attach", times=3),),
        see.stop_asked,
        "seen within 2 s, put in place",
        is_quick=True,
    ),
    Row(
        "FT42 stop missing and cannot be set",
        (fault(CREATE, "no_attach"), reply("position/trading-stop", ret_code=10016)),
        see.unprotected_left,
        "left at market within 10 s",
        is_quick=True,
        patience_s=90,
    ),
    Row(
        "FT42 answer about the stop lost",
        (fault(CREATE, "no_attach", times=2), fault("position/trading-stop", "lose_response")),
        see.stop_asked,
        "the position itself shows it",
    ),
    Row(
        "FT43 stop on the wrong side when it arrives",
        (reply(CREATE, ret_code=10001, body="sl:1 set for Sell position", times=2),),
        see.ended(OrderState.REFUSED),
        "refused, not repeated with a looser stop",
        is_quick=True,
    ),
    Row(
        "FT44 panic",
        (),
        see.closed("panic"),
        "entries locked, then reduce-only closes; a stop until flat",
        act=act.panic,
        is_quick=True,
    ),
    Row(
        "FT48 a triggered stop finds nobody",
        (fault("*", "stop_no_fill"),),
        see.stop_found_nobody,
        "our own reduce-only closes follow",
        patience_s=120,
    ),
    Row(
        "FT49 the order cannot be found after its fill",
        (
            reply("order/realtime", body=act.NO_ORDERS, times=12),
            reply("order/history", body=act.NO_ORDERS, times=12),
        ),
        see.both(see.fired(4), see.closed()),
        "position and executions decide",
        patience_s=90,
    ),
    Row(
        "FT51 leverage calls",
        (
            reply("position/set-leverage", ret_code=110013, times=2),
            reply("position/set-leverage", ret_code=110043, times=2),
        ),
        see.both(see.fired(1), see.opened()),
        "no change is success; anything else keeps the entry out",
        is_quick=True,
    ),
    Row(
        "FT52 deleveraged by the exchange",
        (),
        see.incident("outside_fill"),
        "booked as the exchange's own, with its reason",
        act=act.deleverage,
        is_quick=True,
    ),
    Row(
        "FT52 liquidated",
        (),
        see.incident("outside_fill"),
        "booked as the exchange's own; no ghost position",
        act=act.liquidate,
        is_quick=True,
    ),
    Row(
        "FT53 symbol is reduce-only",
        tuple(reply(CREATE, ret_code=code, times=1) for code in (110023, 110063, 110066)),
        see.ended(OrderState.REFUSED),
        "entries in the symbol end, exits go on; no storm",
    ),
)

GROUPS = {"rest": REST, "stream": STREAM, "orders": ORDERS, "stops": STOPS}
