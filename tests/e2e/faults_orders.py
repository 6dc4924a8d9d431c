"""Faults in the life of orders and of the stop: what is injected, seen and required."""

from e2e import fault_acts as act
from e2e import fault_sights as see
from e2e.fault_row import CREATE, Row, fault, reply

from engine.core.values import OrderState, Purpose

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
    ),
    Row(
        "FT38 already flat when we close",
        (),
        see.closed(),
        "compared; never without reduce-only",
        act=act.close_by_hand_and_ours,
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
    ),
    Row(
        "FT51 leverage calls",
        (
            reply("position/set-leverage", ret_code=110013, times=2),
            reply("position/set-leverage", ret_code=110043, times=2),
        ),
        see.both(see.fired(1), see.opened()),
        "no change is success; anything else keeps the entry out",
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
    ),
    Row(
        "FT53 symbol is reduce-only",
        tuple(reply(CREATE, ret_code=code, times=1) for code in (110023, 110063, 110066)),
        see.ended(OrderState.REFUSED),
        "entries in the symbol end, exits go on; no storm",
    ),
)
