import json
from typing import Any

import pytest

from engine.sim.venue_faults import Fault, Faults, Places, names_of, parse

PLACES = Places(
    writes=frozenset({"order/create", "order/cancel"}),
    reads=frozenset({"order/realtime"}),
    market=frozenset({"market/time"}),
    symbols=frozenset({"BTCUSDT"}),
    is_topic=lambda text: text in ("orderbook", "orderbook.50.BTCUSDT", "kline", "order"),
)


def parsed(*faults: dict[str, Any]) -> list[Fault]:
    return parse(json.dumps({"faults": faults}).encode(), PLACES)


def problem(**fault: Any) -> str:  # noqa: ANN401 -- JSON
    with pytest.raises(ValueError, match=r".") as error:
        parsed({"target": "*", "kind": "drop"}, {"target": "*", **fault})
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        ("lose_request", ["order/create", "market/time", "*", "private", "public", "BTCUSDT"]),
        ("late_apply", ["order/cancel", "*"]),
        ("stale_reads", ["order/realtime", "*"]),
        ("page_lost", ["order/realtime", "market/time"]),
        ("slow", ["order/create", "orderbook", "BTCUSDT"]),
        ("stall", ["orderbook", "orderbook.50.BTCUSDT", "order", "public", "BTCUSDT", "*"]),
        ("gap", ["orderbook", "BTCUSDT", "public"]),
        ("close", ["order", "private"]),
        ("refuse", ["public", "private", "*"]),
        ("no_attach", ["order/create", "BTCUSDT", "*"]),
        ("stop_no_fill", ["*"]),
        ("skew", ["*"]),
        ("liquidate", ["BTCUSDT"]),
        ("closed", ["BTCUSDT"]),
    ],
)
def test_faults_that_can_strike(kind: str, targets: list[str]) -> None:
    found = parsed(*({"target": target, "kind": kind} for target in targets))
    assert [fault.target for fault in found] == targets


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        ("lose_request", "order/vanish", "a path below /v5/ (order/create, ...)"),
        ("lose_request", "orderbook", "a path below /v5/ (order/create, ...)"),
        ("late_apply", "order/realtime", "a path that changes something (order/create, ...)"),
        ("stale_reads", "market/time", "a private path that reads (order/realtime, ...)"),
        ("page_lost", "order/create", "a path that reads (order/realtime, ...)"),
        ("slow", "nothing", "a path below /v5/ or a topic"),
        ("stall", "order/create", "a topic (orderbook.50.BTCUSDT, order, ...)"),
        ("crossed", "kline", "a topic of an order book"),
        ("no_attach", "order/cancel", "order/create"),
    ],
)
def test_a_target_that_cannot_be_struck_is_an_error(kind: str, target: str, expected: str) -> None:
    assert problem(kind=kind, target=target) == (
        f"faults[1].target: expected {expected}, a symbol, private, public or *, found {target}"
    )


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        ("skew", "BTCUSDT", "*"),
        ("restart", "public", "*"),
        ("adl", "*", "a symbol"),
        ("closed", "ZZZUSDT", "a symbol"),
        ("refuse", "orderbook", "private, public or *"),
    ],
)
def test_a_fault_of_one_place_names_it(kind: str, target: str, expected: str) -> None:
    words = f"faults[1].target: expected {expected}, found {target}"
    assert problem(kind=kind, target=target) == words


def test_other_values_that_cannot_be_meant_are_errors() -> None:
    assert problem(kind="vanish").startswith("faults[1].kind: expected one of ack_lost, adl, close")
    assert problem(kind="vanish").endswith(", found vanish")
    assert "times: expected 1 or more, found 0" in problem(kind="drop", times=0)
    assert "times: expected none with skew, found 1" in problem(kind="skew", times=1)
    assert "p: expected 0 to 1, found 1.5" in problem(kind="drop", p=1.5)
    assert "delay_s: expected 0 or more, found -1.0" in problem(kind="slow", delay_s=-1)
    assert "status: expected 200 to 599, found 7" in problem(kind="reply", status=7)
    assert "status: expected 1000 to 4999, found 403" in problem(kind="close", status=403)
    assert "amount: expected one with transfer, found none" in problem(kind="transfer")
    assert "unknown field `dely_s`" in problem(kind="slow", dely_s=1)
    assert "missing required field `kind`" in problem()
    with pytest.raises(ValueError, match="truncated"):
        parse(b"{", PLACES)
    assert parsed({"target": "*", "kind": "skew", "delay_s": -2})[0].delay_s == -2


def listed(*faults: Fault) -> Faults:
    found = Faults(1)
    found.replace(faults)
    return found


def fired(found: Faults) -> list[int]:
    return [row["fired"] for row in found.shown()]


def test_the_first_fault_that_fits_strikes_until_it_is_used_up() -> None:
    once = Fault("order/create", "lose_request", times=1)
    always = Fault("*", "cut")
    found = listed(once, always)
    names = {"order/create", "private", "*"}
    struck = [found.strike({"lose_request", "cut"}, names) for _ in range(3)]
    assert struck == [once, always, always]
    assert found.strike({"slow"}, names) is None
    assert found.strike({"cut"}, {"order/create"}) is None
    assert fired(found) == [1, 2]
    assert found.shown()[0] == {
        "target": "order/create",
        "kind": "lose_request",
        "times": 1,
        "fired": 1,
    }
    found.replace([])
    assert found.strike({"cut"}, names) is None


def test_a_chance_strikes_in_its_share() -> None:
    found = listed(Fault("*", "drop", p=0.25))
    struck = [found.strike({"drop"}, {"*"}) is not None for _ in range(1000)]
    assert 200 < sum(struck) < 300
    assert fired(found) == [sum(struck)]
    again = listed(Fault("*", "drop", p=0.25))
    assert [again.strike({"drop"}, {"*"}) is not None for _ in range(1000)] == struck


def test_the_share_of_a_partial_fill_is_no_chance() -> None:
    assert listed(Fault("*", "partial", p=0.0)).strike({"partial"}, {"*"}) is not None


def test_what_acts_at_once_begins_with_the_list() -> None:
    hand, mood = Fault("BTCUSDT", "liquidate"), Fault("*", "skew", delay_s=1)
    found = listed(hand, Fault("*", "drop"), mood, Fault("BTCUSDT", "closed"))
    assert found.begin()[:2] == [hand, mood]
    assert fired(found) == [1, 0, 1, 1]
    assert found.closed == {"BTCUSDT"}


def test_a_topic_goes_by_its_fronts_its_symbol_and_its_side() -> None:
    assert names_of("orderbook.50.BTCUSDT", "public") == {
        *("orderbook", "orderbook.50", "orderbook.50.BTCUSDT", "BTCUSDT", "public", "*")
    }
    assert names_of("order.linear", "private", ["BTCUSDT"]) >= {"order", "BTCUSDT", "private"}
