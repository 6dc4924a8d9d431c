"""What a raw REST reply of Bybit means, before anything in it is believed.

It exists as the one table from statuses and return codes to our errors: the vendor library's
exception classes cannot tell a refusal from an unknown outcome. It must never take an unreadable
reply for an empty one.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from engine.core.values import Ms
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
}


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
    result = envelope.get("result")
    names, is_row = LISTS.get(reply.path, ((), _is_item))
    for name in names:
        rows = result.get(name) if isinstance(result, dict) else None
        if not isinstance(rows, list) or not all(is_row(row) for row in rows):
            return Transient(f"{reply.path}: expected result.{name}, found {reply.body[:80]!r}")
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
        reset_ms, now_ms = reply.header("x-bapi-limit-reset-timestamp"), envelope.get("time")
        if reset_ms is None or not isinstance(now_ms, int):
            return RateLimited(reply.path, WAIT_MS)
        return RateLimited(reply.path, max(reset_ms - now_ms, WAIT_MIN_MS))
    if code in DENIED_CODES:
        return Denied(f"{reply.path}: {code} {text}")
    return Transient(f"{reply.path}: {code} {text}")
