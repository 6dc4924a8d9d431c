import hashlib
import hmac

import pytest

from engine.sim.venue_auth import Now, admit, admit_stream
from engine.sim.venue_rest import Refused

NOW_MS = 1_735_795_000_000
NOW = Now(NOW_MS, NOW_MS)
TIMESTAMP = "invalid request, please check your server timestamp or recv_window param"
QUERY = b"symbol=AAAUSDT&category=linear"


def sign(text: bytes, secret: bytes = b"sandbox") -> str:
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def headers(
    sent_ms: int | str = NOW_MS, window: str = "5000", signed: bytes = QUERY
) -> dict[str, str]:
    return {
        "X-BAPI-API-KEY": "sandbox",
        "X-BAPI-TIMESTAMP": str(sent_ms),
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": sign(f"{sent_ms}sandbox{window}".encode() + signed),
    }


def refusal(given: dict[str, str], signed: bytes = QUERY) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        admit(given, signed, NOW)
    return refused.value.code, str(refused.value)


@pytest.mark.parametrize("late_ms", [0, 5000, -999])
def test_what_is_signed_and_of_this_time_passes(late_ms: int) -> None:
    admit(headers(NOW_MS - late_ms), QUERY, NOW)


@pytest.mark.parametrize("window", ["20000", ""])
def test_the_window_is_the_clients(window: str) -> None:
    admit(headers(NOW_MS - (15_000 if window else 4000), window), QUERY, NOW)


def test_a_market_that_leaps_forgives_what_was_signed_before_it_did() -> None:
    leapt = Now(NOW_MS, NOW_MS - 25_000)
    admit(headers(NOW_MS - 30_000), QUERY, leapt)
    with pytest.raises(Refused):
        admit(headers(NOW_MS - 30_001), QUERY, leapt)
    with pytest.raises(Refused):
        admit(headers(NOW_MS + 1000), QUERY, leapt)
    expires = NOW_MS - 24_999
    admit_stream(["sandbox", expires, sign(f"GET/realtime{expires}".encode())], leapt)


@pytest.mark.parametrize("sent_ms", [NOW_MS - 5001, NOW_MS + 1000, "", "soon", "9" * 19, "-5"])
def test_another_time_is_told_with_all_numbers(sent_ms: int | str) -> None:
    assert refusal(headers(sent_ms)) == (
        10002,
        f"{TIMESTAMP}. req_timestamp[{sent_ms}],server_timestamp[{NOW_MS}],recv_window[5000]",
    )


def test_a_window_that_is_no_number_is_of_no_time() -> None:
    assert refusal(headers(window="wide"))[0] == 10002


def test_another_key_is_unknown() -> None:
    assert refusal(headers() | {"X-BAPI-API-KEY": "other"}) == (10003, "API key is invalid.")
    assert refusal({})[0] == 10003


@pytest.mark.parametrize(
    "change",
    [
        {"X-BAPI-SIGN": ""},
        {"X-BAPI-SIGN": "\xfc"},
        {"X-BAPI-SIGN": sign(b"", b"other")},
        {"X-BAPI-TIMESTAMP": str(NOW_MS - 1)},
        {"X-BAPI-RECV-WINDOW": "5001"},
    ],
)
def test_whatever_differs_from_what_was_signed_is_refused(change: dict[str, str]) -> None:
    code, text = refusal(headers() | change)
    assert code == 10004
    assert text.startswith("error sign! origin_string[17357")


def test_bytes_are_signed_not_what_they_mean() -> None:
    body = b'{"symbol": "\xff"}'
    admit(headers(signed=body), body, NOW)
    assert refusal(headers(signed=body), b'{"symbol":"\xff"}')[0] == 10004


def stream_refusal(*args: str | int) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        admit_stream(list(args), NOW)
    return refused.value.code, str(refused.value)


def test_a_stream_is_opened_with_a_time_to_come() -> None:
    for expires in (NOW_MS + 1, str(NOW_MS + 10_000)):
        admit_stream(["sandbox", expires, sign(f"GET/realtime{expires}".encode())], NOW)


def test_a_stream_is_refused_otherwise() -> None:
    good = sign(f"GET/realtime{NOW_MS + 1000}".encode())
    assert stream_refusal("other", NOW_MS + 1000, good) == (10003, "API key is invalid.")
    assert stream_refusal("sandbox", NOW_MS + 999, good)[0] == 10004
    assert stream_refusal("sandbox", NOW_MS, sign(f"GET/realtime{NOW_MS}".encode())) == (
        10004,
        f"Request has expired: expires[{NOW_MS}],now[{NOW_MS}]",
    )
    assert "expired" in stream_refusal("sandbox", "soon", good)[1]
    assert stream_refusal("sandbox") == (10003, "Params Error")
