import pytest

from engine.sim.venue_limits import Limits

BEGAN_S = 1000.0
CREATE = "order/create"


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", CREATE, 10),
        ("POST", "position/trading-stop", 10),
        ("GET", "order/realtime", 50),
        ("GET", "account/fee-rate", 5),
        ("GET", "user/query-api", 10),
    ],
)
def test_each_endpoint_has_its_limit(method: str, path: str, limit: int) -> None:
    limits = Limits()
    seen = [limits.take(method, path, BEGAN_S) for _ in range(limit + 1)]
    assert [a.left for a in seen] == [*range(limit - 1, -1, -1), 0]
    assert [a.is_free for a in seen] == [True] * limit + [False]
    assert {a.limit for a in seen} == {limit}
    assert limits.refused == {path: 1}


def test_the_window_rolls() -> None:
    limits = Limits()
    for i in range(10):
        assert limits.take("POST", CREATE, BEGAN_S + i / 16).is_free
    assert limits.take("POST", CREATE, BEGAN_S + 0.75).wait_s == 0.25
    assert limits.take("POST", CREATE, BEGAN_S + 1.0).is_free
    assert not limits.take("POST", CREATE, BEGAN_S + 1.0).is_free
    assert limits.take("POST", CREATE, BEGAN_S + 1.0625).is_free
    assert limits.refused == {CREATE: 2}


def test_endpoints_do_not_share_a_limit() -> None:
    limits = Limits()
    for path in (CREATE, "order/cancel"):
        assert all(limits.take("POST", path, BEGAN_S).is_free for _ in range(10))


def test_an_address_that_asks_too_often_is_shut_out_for_ten_minutes() -> None:
    limits = Limits()
    assert not any(limits.is_banned("market/time", BEGAN_S) for _ in range(600))
    assert limits.is_banned("market/time", BEGAN_S + 4.9)
    assert limits.is_banned(CREATE, BEGAN_S + 604.8)
    assert limits.refused == {"market/time": 1, CREATE: 1}
    assert not any(limits.is_banned("market/time", BEGAN_S + 604.95) for _ in range(600))
    assert limits.is_banned("market/time", BEGAN_S + 604.95)


def test_an_address_may_go_on_for_ever_within_its_limit() -> None:
    limits = Limits()
    assert not any(limits.is_banned("market/time", BEGAN_S + i / 119) for i in range(2000))
