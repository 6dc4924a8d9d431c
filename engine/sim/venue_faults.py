"""The faults somebody asked the simulated exchange for: what they are, and which of them strikes.

It exists so that a test says in one line what goes wrong, and can prove afterwards that it did. It
must never do anything itself, and never take a request for a fault that could not strike.
"""

from collections.abc import Callable, Collection
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

import msgspec

WRITE = frozenset({"late_apply"})
READ = frozenset({"stale_reads"})
PAGE = frozenset({"page_lost"})
REST = frozenset({"lose_request", "lose_response", "reply", "cut"})
SLOW = frozenset({"slow"})  # of a REST answer or of a stream
MESSAGE = frozenset({"stall", "drop", "dup", "reorder", "garbage"})
BOOK = frozenset({"gap", "crossed"})
ASKING = frozenset({"ack_lost", "sub_fail"})
SOCKET = frozenset({"refuse", "no_pong"})
CLOSE = frozenset({"close"})
OF_CREATE = frozenset({"no_attach", "partial", "no_fill", "reject_after_ack"})  # one order's
HAND = frozenset({"adl", "liquidate", "settle", "drop_stop"})  # of the exchange, on one symbol
END = frozenset({"closed"})  # of a symbol
WHOLE = frozenset({"transfer", "restart"})  # of the account, or of the exchange
MOOD = frozenset({"stop_no_fill", "twice_filled", "skew"})  # of the same

OF_REST = REST | WRITE | READ | PAGE | SLOW
OF_STREAM = MESSAGE | BOOK | ASKING | SOCKET | CLOSE | SLOW
AT_ONCE = HAND | frozenset({"transfer", "restart"})
STANDING = MOOD | END
KINDS = OF_REST | OF_STREAM | OF_CREATE | AT_ONCE | STANDING

SIDES = frozenset({"private", "public"})
ALL = "*"
STATUS_MIN, STATUS_MAX = 200, 599
CODE_MIN, CODE_MAX = 1000, 4999


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that goes wrong; what a field means depends on `kind`."""

    target: str  # REST path below `/v5/`, topic or the front of one, symbol, `private`, `public`, *
    kind: str
    times: int | None = None  # None = until cleared
    p: float = 1.0  # chance; with `partial` the share that is filled
    delay_s: float = 0.0
    status: int | None = None  # of the answer; the code of a `close`
    body: Any = None  # text or JSON of the answer; with `ret_code` its message
    ret_code: int | None = None
    headers: dict[str, str] = {}
    apply: bool = False  # whether a call is carried out before another answer is given
    amount: Decimal | None = None  # quantity of `adl`, USDT of `transfer`


class Places(NamedTuple):
    """Everything a target can be."""

    writes: frozenset[str]
    reads: frozenset[str]
    market: frozenset[str]
    symbols: frozenset[str]
    is_topic: Callable[[str], bool]


class _Row(msgspec.Struct):
    fault: Fault
    fired: int = 0


class Faults:
    """The list of the moment; the first fault that fits strikes."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(f"faults {seed}")  # noqa: S311 -- chances that come again
        self._rows: list[_Row] = []
        self.closed: frozenset[str] = frozenset()  # symbols whose trading has ended

    def replace(self, faults: Collection[Fault]) -> None:
        """Forget the old ones and what they did."""
        self._rows = [_Row(fault) for fault in faults]
        self.closed = frozenset(fault.target for fault in faults if fault.kind in END)

    def strike(self, kinds: Collection[str], names: Collection[str]) -> Fault | None:
        """The fault of these kinds that strikes what goes by these names, counted as fired."""
        for row in self._rows:
            fault = row.fault
            fits = fault.kind in kinds and fault.target in names and _is_left(row)
            if fits and (fault.kind == "partial" or self._dice.random() < fault.p):
                row.fired += 1
                return fault
        return None

    def begin(self) -> list[Fault]:
        """Faults that act by being there, or once, now: counted as fired."""
        found = [row for row in self._rows if row.fault.kind in AT_ONCE | STANDING]
        for row in found:
            row.fired += 1
        return [row.fault for row in found]

    def shown(self) -> list[dict[str, Any]]:
        """All of them with how often each has `fired`."""
        return [{**msgspec.to_builtins(row.fault), "fired": row.fired} for row in self._rows]


def _is_left(row: _Row) -> bool:
    return row.fault.times is None or row.fired < row.fault.times


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    faults: list[Fault]


def parse(data: bytes, places: Places) -> list[Fault]:
    """The faults of a request; raises `ValueError` with thing, expected, found."""
    try:
        faults = msgspec.json.decode(data, type=_Request).faults
    except msgspec.DecodeError as e:
        raise ValueError(str(e)) from e
    for i, fault in enumerate(faults):
        problem = _problem(fault, places)
        if problem:
            raise ValueError(f"faults[{i}].{problem}")
    return faults


def _problem(fault: Fault, places: Places) -> str:
    if fault.kind not in KINDS:
        return f"kind: expected one of {', '.join(sorted(KINDS))}, found {fault.kind}"
    if not _fits(fault, places):
        return f"target: expected {_expected(fault.kind)}, found {fault.target}"
    return wrong_value(fault)


def _fits(fault: Fault, places: Places) -> bool:
    """Whether such a fault could strike such a target."""
    kind, target = fault.kind, fault.target
    if kind in WHOLE | MOOD:
        return target == ALL
    if kind in HAND | END:
        return target in places.symbols
    if kind in SOCKET:
        return target in SIDES | {ALL}
    if target in SIDES | places.symbols | {ALL}:
        return True
    if places.is_topic(target):
        return kind in OF_STREAM and (kind not in BOOK or target.startswith("orderbook"))
    return target in _paths(kind, places)


def _paths(kind: str, places: Places) -> frozenset[str]:
    if kind in OF_CREATE:
        return frozenset({"order/create"})
    if kind in WRITE:
        return places.writes
    if kind in READ:
        return places.reads
    if kind in PAGE:
        return places.reads | places.market
    if kind in REST | SLOW:
        return places.writes | places.reads | places.market
    return frozenset()


def _expected(kind: str) -> str:
    if kind in WHOLE | MOOD:
        return ALL
    if kind in HAND | END:
        return "a symbol"
    if kind in SOCKET:
        return "private, public or *"
    what = {
        **dict.fromkeys(OF_CREATE, "order/create"),
        **dict.fromkeys(WRITE, "a path that changes something (order/create, ...)"),
        **dict.fromkeys(READ, "a private path that reads (order/realtime, ...)"),
        **dict.fromkeys(PAGE, "a path that reads (order/realtime, ...)"),
        **dict.fromkeys(REST, "a path below /v5/ (order/create, ...)"),
        **dict.fromkeys(SLOW, "a path below /v5/ or a topic"),
        **dict.fromkeys(BOOK, "a topic of an order book"),
    }.get(kind, "a topic (orderbook.50.BTCUSDT, order, ...)")
    return f"{what}, a symbol, private, public or *"


def wrong_value(fault: Fault) -> str:
    """The first value that cannot be meant; empty if none."""
    kind, times, status = fault.kind, fault.times, fault.status
    lowest, highest = (CODE_MIN, CODE_MAX) if kind == "close" else (STATUS_MIN, STATUS_MAX)
    problems = {
        f"times: expected none with {kind}, found {times}": times is not None and kind in STANDING,
        f"times: expected 1 or more, found {times}": times is not None and times < 1,
        f"p: expected 0 to 1, found {fault.p}": not 0 <= fault.p <= 1,
        f"delay_s: expected 0 or more, found {fault.delay_s}": fault.delay_s < 0 and kind != "skew",
        f"status: expected {lowest} to {highest}, found {status}": status is not None
        and not lowest <= status <= highest,
        f"amount: expected one with {kind}, found none": kind in ("adl", "transfer")
        and fault.amount is None,
    }
    return next((text for text, is_wrong in problems.items() if is_wrong), "")


def names_of(topic: str, side: str, symbols: Collection[str] = ()) -> frozenset[str]:
    """Everything a message of a topic goes by: `a.b.C` is also `a`, `a.b`, `C`, its side and *."""
    parts = topic.split(".")
    fronts = {".".join(parts[: i + 1]) for i in range(len(parts))}
    return frozenset({*fronts, parts[-1], side, ALL, *symbols})
