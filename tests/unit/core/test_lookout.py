"""Alerts: prices that are crossed, levels that are met, each told once in a while."""

from decimal import Decimal

import pytest

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core import lookout, wishes
from engine.core import wish_events as we
from engine.core import wish_facts as w
from engine.core.values import Bar
from series import FRAME_MS
from world import World, instruments


def watch(
    price: Decimal | None = None, *, key: str = "w", symbol: str = "SOLUSDT", is_on: bool = True
) -> we.WatchSymbol:
    return we.WatchSymbol(command_id=key, by="@ann", symbol=symbol, price=price, is_on=is_on)


def watching(price: str | None = None) -> World:
    world = World()
    world.start()
    world.feed(watch(None if price is None else D(price)))
    return world


def refusal(world: World, command: e.Command) -> str:
    last = world.feed(command)[-1].fact
    assert isinstance(last, f.CommandRefused), last
    return last.reason


def raised(world: World) -> list[tuple[str, float, float]]:
    return [(x.kind, x.price, x.last) for x in world.facts(w.AlertRaised)]


def test_a_price_that_is_crossed_is_told_once() -> None:
    world = watching("102.5")
    world.quote(102.3, 102.31, 102.3)
    world.wait(1000)
    assert raised(world) == []
    world.quote(102.6, 102.61, 102.6)
    assert raised(world) == []  # quotes come by the thousand: it waits for the tick
    world.wait(1000)
    assert raised(world) == [("price", 102.5, 102.6)]
    world.wait(1000)
    world.quote(102.3, 102.31, 102.3)
    world.wait(1000)
    assert len(raised(world)) == 1  # too soon after


def test_it_is_told_again_on_the_other_side_after_a_while() -> None:
    world = watching("102.5")
    world.quote(102.6, 102.61, 102.6)
    world.wait(1000)
    world.wait(lookout.AGAIN_MS)
    world.quote(102.3, 102.31, 102.3)
    world.wait(1000)
    assert raised(world) == [("price", 102.5, 102.6), ("price", 102.5, 102.3)]
    [shown] = world.engine.view().alerts
    assert (shown.symbol, shown.price, shown.told_ms) == ("SOLUSDT", D("102.5"), world.now)


def test_a_silent_market_tells_nothing() -> None:
    world = watching("102.5")
    world.quote(102.6, 102.61, 102.6)
    world.wait(31_000)
    assert raised(world) == []


def test_a_bar_tells_what_happened_between_two_ticks() -> None:
    world = World()
    world.start()
    world.wait(1000)
    world.feed(watch(D("102.5")))
    first = world.engine.market.last_open_ms("SOLUSDT")
    assert first is not None

    def close(number: int, high: float) -> None:
        world.now = first + (number + 1) * FRAME_MS
        open_ms = first + number * FRAME_MS
        world.feed(e.CandlesClosed((Bar("SOLUSDT", open_ms, 102.0, high, 101.9, 102.0, 100.0),)))

    close(1, 102.6)  # it was under way when the wish was made: perhaps that was before
    assert raised(world) == []
    close(2, 102.6)
    assert raised(world) == [("price", 102.5, 102.6)]


def test_what_was_told_survives_a_restart() -> None:
    world = watching("102.5")
    world.quote(102.6, 102.61, 102.6)
    world.wait(1000)
    again = world.reborn()
    again.start()
    again.quote(102.6, 102.61, 102.6)
    again.wait(1000)
    assert len(raised(again)) == 1
    assert again.engine.view().alerts == world.engine.view().alerts


def test_a_level_that_comes_near_and_one_that_breaks() -> None:
    world = watching()
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300)
    [(kind, price, last)] = raised(world)
    assert kind == "broken"
    assert price == pytest.approx(102.2, abs=0.3)
    assert last > price
    world.wait(lookout.AGAIN_MS)
    world.bar(last + 30)
    assert len(raised(world)) == 1  # far from all of them
    world.wait(lookout.AGAIN_MS)
    world.bar(price + 0.05)
    assert raised(world)[-1][0] in ("near", "broken")
    assert len(raised(world)) == 2
    world.bar(price + 30)
    world.bar(price + 0.05)
    assert len(raised(world)) == 2  # too soon


def test_a_market_without_bars_has_no_levels() -> None:
    world = World(candles=(World().open_ms[:5], World().ohlcv[:, :5]))
    world.now = int(world.open_ms[-1]) + FRAME_MS
    world.start()
    world.feed(watch())
    world.bar(102.0)
    assert raised(world) == []


def test_a_watched_market_is_followed_and_not_traded() -> None:
    world = World(instruments=instruments("SOLUSDT", "ETHUSDT"))
    world.start()
    bar = we.BarSymbol(command_id="b", by="@ann", symbol="ETHUSDT")
    world.feed(bar)
    assert world.engine.view().universe == ("SOLUSDT",)
    world.feed(watch(symbol="ETHUSDT"))
    assert world.engine.view().universe == ("SOLUSDT", "ETHUSDT")
    world.feed(watch(symbol="ETHUSDT", is_on=False, key="x"))
    assert world.engine.view().universe == ("SOLUSDT",)


def test_wishes_that_make_no_sense() -> None:
    world = watching("102.5")
    assert refusal(world, watch(D("102.50"), key="a")) == "SOLUSDT 102.5 is watched already"
    assert refusal(world, watch(symbol="NOPEUSDT", key="b")) == "NOPEUSDT is not traded here"
    told = "expected a price above 0, and other than 102 as it is now, found"
    world.quote(101.99, 102.0, 102.0)
    assert refusal(world, watch(D(102), key="c")) == f"{told} 102"
    assert refusal(world, watch(D(-1), key="d")) == f"{told} -1"
    assert refusal(world, watch(key="e", is_on=False)) == "SOLUSDT is not watched"


def test_a_price_is_compared_with_one_that_is_known() -> None:
    world = World()
    world.feed(e.InstrumentsLoaded(world.instruments))
    told = "the price of SOLUSDT is not known yet: ask again in a moment"
    assert refusal(world, watch(D(100))) == told


def test_the_list_of_watches_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "WATCHING_MAX", 1)
    world = watching()
    assert refusal(world, watch(D(100), key="a")) == "1 things are watched already"


def test_an_alert_nobody_asked_for_any_more_changes_nothing() -> None:
    world = watching()
    ledger = world.engine.ledger
    world.feed(watch(is_on=False, key="x"))
    alert = w.AlertRaised("SOLUSDT", lookout.NEAR, 1.0, 1.0)
    ledger.apply(f.Record(ledger.seq + 1, world.now, alert))
    assert ledger.state.watching == {}
