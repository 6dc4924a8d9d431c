"""Faults of the exchange's REST: what is injected, seen and required."""

from e2e import fault_acts as act
from e2e import fault_sights as see
from e2e.fault_row import CREATE, READS, Json, Row, fault, reply

UNCLEAR = (10000, 5004, 10016, 429, 110079, 170001, 170005, 170007, 170032, 170146)


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
        see.both(see.fired(2), see.resolved(1)),  # an exit meets both by itself
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
        is_quick=True,
    ),
    Row(
        "FT05 ten unclear codes, not applied",
        codes(apply=False),
        see.both(see.fired(6), see.resolved(4)),
        "never taken for a rejection without a look-up",
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
    ),
    Row(
        "FT08 exit behind a backlog of candles",
        (),
        see.both(see.fired(4), see.quick_exit),
        "an exit is on the wire within a second",
        act=act.close_behind_candles,
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
    ),
    Row(
        "FT12 reads lag behind",
        tuple(fault(path, "stale_reads", delay_s=10) for path in READS),
        see.both(see.opened(2), see.closed(), see.no_mismatch),
        "never entered or closed again for an old read",
    ),
    Row(
        "FT13 a later page is lost",
        (fault("order/realtime", "page_lost"),),
        see.both(see.fired(1), see.no_mismatch),
        "the whole read is void; absence is never inferred from page one",
        act=act.place_sixty_orders,
    ),
    Row(
        "FT14 exchange down for ten minutes with open positions",
        (reply("private", status=502), reply("market/time", status=502)),
        see.gate("exchange_down"),
        "slow retries, truthful status, compared before anything else",
        after=see.gate("exchange_down", opened=True),
    ),
    Row(
        "FT15 valid but impossible numbers",
        (reply("position/list", body=act.INSANE, times=4),),
        see.both(see.fired(3), see.no_mismatch),
        "never sized or stopped by them",
    ),
)
