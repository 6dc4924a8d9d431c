"""What a raw REST reply of Bybit means, before anything in it is believed.

It exists as the one table from statuses and return codes to our errors and to what a code says of a
write: the vendor library's exception classes cannot tell a refusal from an unknown outcome. It must
never take an unreadable reply for an empty one, nor a code it does not know for a refusal.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

from engine.core.values import Ms, Refusal
from engine.errors import Denied, ExchangeError, RateLimited, Transient

BAN_MS: Ms = 600_000  # "access too frequent" is lifted after ten minutes without requests
WAIT_MS: Ms = 1000  # where the venue asks to wait and does not say how long
WAIT_MIN_MS: Ms = 100
BUSY_S = 5  # the same, for the whole venue's HTTP 429

CANDLE_CELLS = 6  # start, four prices, volume

RATE_CODES = frozenset({429, 10006, 10018, 10429})
DENIED_CODES = frozenset(
    {10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 10028, 10029, 33004}
)
DENIED_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS})
REGION_WORDS = ("country", "region", "restricted")
LATE_CODE = 10002  # our time stamp was refused at the gate


class Meaning(StrEnum):
    """What a return code says of the write it answers."""

    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"  # it may have been done
    EXISTS = "EXISTS"  # it was done before, under this id: look it up
    PROCESSING = "PROCESSING"  # look it up
    TOO_LATE = "TOO_LATE"  # there is nothing to cancel or amend any more, or never was: look it up
    FLAT = "FLAT"  # nothing to reduce: the position ended, or is on the other side
    NO_CHANGE = "NO_CHANGE"  # success
    BLOCKED = "BLOCKED"  # this symbol takes no entries
    LATE = "LATE"  # our clock is off


_M = Meaning
# The venue's documents, by return code; what is not here is unknown.
CODES: Mapping[int, tuple[Meaning, Refusal]] = {
    LATE_CODE: (_M.LATE, Refusal.OTHER),
    10001: (_M.REFUSED, Refusal.OTHER),
    10014: (_M.PROCESSING, Refusal.OTHER),
    110079: (_M.PROCESSING, Refusal.OTHER),
    110072: (_M.EXISTS, Refusal.OTHER),
    170141: (_M.EXISTS, Refusal.OTHER),
    **dict.fromkeys((110001, 110008, 110010, 170213), (_M.TOO_LATE, Refusal.OTHER)),
    **dict.fromkeys(
        (110004, 110006, 110007, 110012, 110044, 110045, 110051, 110052, 110053),
        (_M.REFUSED, Refusal.FUNDS),
    ),
    110017: (_M.FLAT, Refusal.REDUCE_ONLY),
    **dict.fromkeys((110043, 34040, 110025, 110026), (_M.NO_CHANGE, Refusal.OTHER)),
    110094: (_M.REFUSED, Refusal.MIN_NOTIONAL),
    **dict.fromkeys((110003, 110118, 110120, 110121), (_M.REFUSED, Refusal.PRICE_BAND)),
    **dict.fromkeys((110092, 110093), (_M.REFUSED, Refusal.STOP_SIDE)),
    **dict.fromkeys((110009, 110013, 110020, 110061, 110086, 110090), (_M.REFUSED, Refusal.OTHER)),
    **dict.fromkeys((110023, 110063, 110066, 110074, 30228), (_M.BLOCKED, Refusal.SYMBOL)),
}
STOP_WORDS = ("base_price", "sl:", "stoploss", "stop loss")


class Coded(Transient):
    """The venue answered with a return code other than success, rate or denial."""

    def __init__(self, path: str, code: int, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(f"{path}: {code} {text}")

    @property
    def meaning(self) -> Meaning:
        """What the code says of a write; `UNKNOWN` when we do not know it."""
        return CODES.get(self.code, (Meaning.UNKNOWN, Refusal.OTHER))[0]

    @property
    def refusal(self) -> Refusal:
        """Why a write was refused, where its meaning is that it was."""
        words = self.text.lower()
        if self.code == 10001 and any(word in words for word in STOP_WORDS):  # noqa: PLR2004 -- a code of the venue
            return Refusal.STOP_SIDE
        return CODES.get(self.code, (Meaning.UNKNOWN, Refusal.OTHER))[1]


def _is_item(row: object) -> bool:
    return isinstance(row, dict)


def _is_candle(row: object) -> bool:
    return isinstance(row, list) and len(row) >= CANDLE_CELLS and str(row[0]).isdecimal()


def _is_rung(row: object) -> bool:
    return isinstance(row, list) and len(row) > 1


# Which lists a believable result of a path holds, and what a row of them looks like.
LISTS: Mapping[str, tuple[tuple[str, ...], Callable[[object], bool]]] = {
    "/v5/market/instruments-info": (("list",), _is_item),
    "/v5/market/tickers": (("list",), _is_item),
    "/v5/market/kline": (("list",), _is_candle),
    "/v5/market/open-interest": (("list",), _is_item),
    "/v5/market/orderbook": (("a", "b"), _is_rung),
    "/v5/order/realtime": (("list",), _is_item),
    "/v5/order/history": (("list",), _is_item),
    "/v5/execution/list": (("list",), _is_item),
    "/v5/position/list": (("list",), _is_item),
    "/v5/account/wallet-balance": (("list",), _is_item),
    "/v5/account/transaction-log": (("list",), _is_item),
}
CREATE_PATH = "/v5/order/create"


class Reply(NamedTuple):
    """A raw reply, before anything in it is believed."""

    status: int
    path: str
    headers: Mapping[str, str]
    body: str
    envelope: object

    def header(self, name: str) -> int | None:
        """A header that holds a whole number, whatever the case of its name."""
        value = next((v for k, v in self.headers.items() if k.lower() == name), "")
        return int(value) if value.isdecimal() else None

    @property
    def reset_ms(self) -> Ms | None:
        """How long until the endpoint's budget is whole again, where the venue says so."""
        reset_ms = self.header("x-bapi-limit-reset-timestamp")
        now_ms = self.envelope.get("time") if isinstance(self.envelope, dict) else None
        if reset_ms is None or not isinstance(now_ms, int):
            return None
        return max(reset_ms - now_ms, WAIT_MIN_MS)

    @property
    def is_last(self) -> bool:
        """Whether the venue says that this call was the last of the endpoint's budget."""
        return self.header("x-bapi-limit-status") == 0


def problem_of(reply: Reply) -> ExchangeError | None:
    """The one table from replies to our errors; None when the envelope can be believed."""
    if reply.status >= HTTPStatus.BAD_REQUEST:
        return _status_problem(reply)
    envelope = reply.envelope
    if not isinstance(envelope, dict) or not isinstance(envelope.get("retCode"), int):
        return Transient(f"{reply.path}: expected an envelope, found {reply.body[:80]!r}")
    if envelope["retCode"] != 0:
        return _code_problem(reply, envelope)
    if not isinstance(envelope.get("time"), int):
        return Transient(f"{reply.path}: expected a time, found {reply.body[:80]!r}")
    return _result_problem(reply, envelope.get("result"))


def _result_problem(reply: Reply, result: object) -> Transient | None:
    """What a success must hold to be one."""
    names, is_row = LISTS.get(reply.path, ((), _is_item))
    for name in names:
        rows = result.get(name) if isinstance(result, dict) else None
        if not isinstance(rows, list) or not all(is_row(row) for row in rows):
            return Transient(f"{reply.path}: expected result.{name}, found {reply.body[:80]!r}")
    order_id = result.get("orderId") if isinstance(result, dict) else None
    if reply.path == CREATE_PATH and not (isinstance(order_id, str) and order_id):
        return Transient(f"{reply.path}: expected result.orderId, found {reply.body[:80]!r}")
    return None


def _status_problem(reply: Reply) -> ExchangeError:
    text = f"{reply.path}: HTTP {reply.status} {reply.body[:80]!r}"
    is_regional = any(word in reply.body.lower() for word in REGION_WORDS)
    if reply.status in DENIED_STATUSES or (reply.status == HTTPStatus.FORBIDDEN and is_regional):
        return Denied(text)
    if reply.status == HTTPStatus.FORBIDDEN:
        return RateLimited(reply.path, BAN_MS)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(reply.path, 1000 * (reply.header("retry-after") or BUSY_S))
    return Transient(text)


def _code_problem(reply: Reply, envelope: Mapping[str, Any]) -> ExchangeError:
    code, text = envelope["retCode"], str(envelope.get("retMsg"))[:200]
    if code in RATE_CODES:
        return RateLimited(reply.path, reply.reset_ms or WAIT_MS)
    if code in DENIED_CODES:
        return Denied(f"{reply.path}: {code} {text}")
    return Coded(reply.path, code, text)
