"""Faults of the public stream: what is injected, seen and required."""

from e2e import fault_sights as see
from e2e.fault_row import Row, fault

STREAM = (
    Row(
        "FT16 everything silent, pongs go on",
        (fault("public", "stall"),),
        see.logged("stream.lost"),
        "found by age, reconnected, nothing opened on old data",
        after=see.logged("market data flows"),
    ),
    Row(
        "FT16 one topic silent",
        (fault("orderbook.50", "stall"),),
        see.logged("flow.lost"),
        "that topic is subscribed anew",
    ),
    Row(
        "FT17 accepted and closed at once",
        (fault("public", "close", times=8),),
        see.both(see.fired(4), see.logged("stream.retried", 3)),
        "own backoff, never above 60 connects in five minutes",
        is_quick=True,
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
            fault("kline", "ack_lost", times=1),
        ),
        see.both(see.fired(3), see.logged("stream.lost")),
        "a topic lives after its first data, an ack proves nothing",
        after=see.opened(),
        patience_s=200,
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
    ),
    Row(
        "FT22 closed candles late, twice, lost",
        (fault("kline", "dup", p=0.5), fault("kline", "drop", p=0.2)),
        see.both(see.fired(20), see.opened()),
        "each closed bar is judged once; what is missing is fetched",
    ),
    Row(
        "FT23 outage across several closes",
        (fault("public", "close", times=1), fault("public", "refuse", status=502)),
        see.gate("stale_data"),
        "history is fetched before anything is decided; old breakouts are not traded",
        after=see.gate("stale_data", opened=True),
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
    ),
)
