"""Who may speak for the account of the simulated exchange: key, signature, and time window.

It exists so that a client signs here exactly what it signs at the exchange. It must never parse
what is signed: the bytes that were sent are what counts.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

from engine.core.values import Ms
from engine.sim.venue_rest import Refused

KEY = "sandbox"
SECRET = "sandbox"
WINDOW_MS = 5000  # when a client names none
AHEAD_MS = 1000  # a client's clock may be ahead by less than this
DIGITS_MAX = 18  # of a number that is a time

UNKNOWN_KEY, BAD_SIGNATURE, BAD_TIME = 10003, 10004, 10002


class Now(NamedTuple):
    """What time it is, and what a client may still believe it to be."""

    ms: Ms
    oldest_ms: Ms


def admit(headers: Mapping[str, str], signed: bytes, now: Now) -> None:
    """Raise `Refused` unless a request is of our key, signed, and of this time.

    `signed` is the query string or the body exactly as sent. Codes 10003, 10002, 10004 as the
    exchange's documents define them.
    """
    _check_key(headers.get("X-BAPI-API-KEY", ""))
    stamp = headers.get("X-BAPI-TIMESTAMP", "")
    window = headers.get("X-BAPI-RECV-WINDOW", "")
    sent_ms, window_ms = _number(stamp), _number(window or str(WINDOW_MS))
    if sent_ms is None or window_ms is None or not _is_timely(sent_ms, window_ms, now):
        raise Refused(
            BAD_TIME,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now.ms}],recv_window[{window}]",
        )
    _check_signature(f"{stamp}{KEY}{window}".encode() + signed, headers.get("X-BAPI-SIGN", ""))


def admit_stream(args: list[str | int], now: Now) -> None:
    """Raise `Refused` unless these are our key, a time to come, and its signature."""
    if len(args) != len(("key", "expires", "signature")):
        raise Refused(UNKNOWN_KEY, "Params Error")
    key, expires, signature = map(str, args)
    _check_key(key)
    expires_ms = _number(expires)
    if expires_ms is None or expires_ms <= now.oldest_ms:
        raise Refused(BAD_SIGNATURE, f"Request has expired: expires[{expires}],now[{now.ms}]")
    _check_signature(f"GET/realtime{expires}".encode(), signature)


def _check_key(key: str) -> None:
    if key != KEY:
        raise Refused(UNKNOWN_KEY, "API key is invalid.")


def _check_signature(signed: bytes, signature: str) -> None:
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        origin = signed.decode("utf-8", "replace")
        raise Refused(BAD_SIGNATURE, f"error sign! origin_string[{origin}]")


def _is_timely(sent_ms: Ms, window_ms: int, now: Now) -> bool:
    return now.oldest_ms - window_ms <= sent_ms < now.ms + AHEAD_MS


def _number(text: str) -> int | None:
    is_whole = text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX
    return int(text) if is_whole else None
