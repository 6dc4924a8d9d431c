"""Who is followed, for how long, and how order flow decides: the engine from event to order."""

from collections.abc import Iterable

import msgspec
import pytest
from books import book, trades

from builders import INSTRUMENT
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.following import INTEREST_AGAIN_MS, INTEREST_AT_ONCE, LINGER_MS
from engine.core.interest import DAY_MS, HOUR_MS
from engine.core.settings import Checks, Score, Settings, Universe
from engine.core.terms import Exits
from engine.core.values import Check, CheckStatus, Ticker
from series import FRAME_MS
from world import BREAK_MS, World, instruments

SYMBOL = INSTRUMENT.symbol
ASKED = Settings(checks=Checks(excluded=("oi", "oi_change")))  # of order flow everything is
CLOSE_MS = BREAK_MS + FRAME_MS


class Market(World):
    """A world whose tickers tell open interest."""

    def tickers(self) -> Iterable[Ticker]:  # type: ignore[explicit-override]  # since 3.12
        """Each a million units at about 100."""
        for ticker in super().tickers():
            yield msgspec.structs.replace(ticker, open_interest=1e6, open_interest_usd=1e8)


def deep(world: World) -> tuple[str, ...]:
    """The last set asked for."""
    return next(x.deep for x in reversed(world.intents) if isinstance(x, i.Subscribe))


def flowing(settings: Settings = ASKED, *, bids: float = 20, pace: int = 2) -> World:
    """A world where book and trades of its market came in for the bar that breaks the level."""
    world = World(settings)
    world.start()
    assert deep(world) == (SYMBOL,)
    world.now = BREAK_MS
    world.feed(e.FlowUp((SYMBOL,), world.now))
    for second in range(1, FRAME_MS // 1000 + 1):
        world.now = BREAK_MS + 1000 * second
        world.feed(book(world.now - 50, bids=bids), trades(world.now - 500, pace))
    return world


def rows(world: World) -> dict[str, Check]:
    """The last verdict's rows."""
    verdict = world.engine.verdict(SYMBOL)
    assert verdict is not None
    return {c.name: c for c in verdict.checks}


def test_order_flow_on_the_side_of_the_break_lets_it_pass() -> None:
    world = flowing()
    world.enter()
    told = rows(world)
    assert {told[n].status for n in ("depth_30", "depth_50", "tpm", "imbalance")} == {"pass"}
    assert {told[n].status for n in ("tape_pace", "tape_activity")} == {"pass"}
    assert told["tpm"].value == pytest.approx(120, rel=0.01)
    assert told["imbalance"].value == pytest.approx(1 / 3, abs=0.01)
    assert told["tape_pace"].value == pytest.approx(1, rel=0.01)
    assert told["tape_activity"].value == pytest.approx(0, abs=0.01)
    assert told["spread"].value == pytest.approx(0.9709, abs=1e-3)  # of the book, not the quote
    assert told["wall_ahead"].status is CheckStatus.PASS
    assert told["wall_ahead"].reason == "no wall ahead"
    shown = world.engine.flow(SYMBOL)
    assert shown is not None
    assert (shown.imbalance, shown.at_ms) == (told["imbalance"].value, world.now)
    assert world.engine.flow("AUSDT") is None
    assert told["size"].reason == "bound by depth"  # a quarter of the asks within 30 bps


@pytest.mark.parametrize(
    ("bids", "pace", "blocked_by"), [(5, 2, "imbalance"), (0.1, 2, "depth_30"), (20, 0, "tpm")]
)
def test_what_speaks_against_it_blocks(bids: float, pace: int, blocked_by: str) -> None:
    world = flowing(bids=bids, pace=pace)
    if blocked_by == "depth_30":
        thin = book(world.now, bids=0.1, asks=0.1)
        world.feed(thin)
    world.close_bar(300)
    verdict = world.engine.verdict(SYMBOL)
    assert verdict is not None
    assert (verdict.outcome, verdict.blocked_by) == ("FAILED", blocked_by)
    assert not world.engine.ledger.positions


@pytest.mark.parametrize(
    ("event", "names", "reason"),
    [
        (e.BookLost(SYMBOL, "a gap"), ("depth_30", "depth_50", "imbalance"), "a gap"),
        (e.FlowDown((SYMBOL,), "connection closed"), ("tpm", "tape_pace", "imbalance"), None),
        (e.StreamDown((SYMBOL,), "connection closed"), ("tape_activity", "wall_ahead"), None),
    ],
)
def test_a_hole_makes_rows_unknown(
    event: e.Event, names: tuple[str, ...], reason: str | None
) -> None:
    world = flowing()
    world.feed(event)
    world.close_bar(300)
    told = rows(world)
    assert {told[name].status for name in names} == {CheckStatus.UNKNOWN}
    assert {told[name].reason for name in names} == {reason or "connection closed"}
    assert told["spread"].status is CheckStatus.PASS  # of the quote
    assert not world.engine.ledger.positions


def test_a_market_too_short_followed_says_how_long() -> None:
    world = World(ASKED)
    world.start()
    world.now = CLOSE_MS - 100_000
    world.feed(e.FlowUp((SYMBOL,), world.now))
    world.close_bar(300)
    assert rows(world)["tpm"].reason == "covered 100 of 300 s"
    assert rows(world)["imbalance"].reason == "not followed yet"


def test_a_wall_in_the_way_blocks() -> None:
    world = World(ASKED)
    world.start()
    world.feed(e.FlowUp((SYMBOL,), BREAK_MS))
    for second in range(1, 301):
        world.now = BREAK_MS + 1000 * second
        seen = book(world.now - 50, bids=60)
        seen.asks[1, 1] = 2000.0  # at 103.025: 2.4 bps beyond the close
        world.feed(seen, trades(world.now - 500, 2))
    world.close_bar(300)
    told = rows(world)["wall_ahead"]
    assert (told.status, told.need) == (CheckStatus.FAIL, 5)
    assert told.value == pytest.approx(2.427, abs=1e-3)


def test_being_followed_changes_no_rank() -> None:
    world, other = flowing(), World(ASKED)
    other.start()
    world.close_bar(300)
    other.close_bar(300)
    mine, theirs = world.engine.verdict(SYMBOL), other.engine.verdict(SYMBOL)
    assert mine is not None
    assert theirs is not None
    assert (mine.score, mine.rank) == (theirs.score, theirs.rank)


def test_who_is_not_followed_is_unknown_in_words() -> None:
    names = instruments("SOLUSDT", "AUSDT", "BUSDT")
    world = World(msgspec.structs.replace(ASKED, universe=Universe(watch_max=1)), names)
    world.start()
    (followed,) = deep(world)
    world.close_bar(300, [n.symbol for n in names])
    for name in {n.symbol for n in names} - {followed}:
        verdict = world.engine.verdict(name)
        assert verdict is not None
        told = {c.name: c for c in verdict.checks}
        assert told["tpm"].reason == told["imbalance"].reason == told["wall_ahead"].reason
        assert told["tpm"].reason == "not followed: only watched markets are"
        assert told["tpm"].status is CheckStatus.UNKNOWN


def test_who_left_the_watch_set_is_followed_for_a_while() -> None:
    world = World(ASKED)
    world.start()
    assert deep(world) == (SYMBOL,)
    world.engine._watched = ()
    world.wait(LINGER_MS - 2000)
    assert deep(world) == (SYMBOL,)
    world.wait(2000)
    assert deep(world) == ()
    assert world.engine.market.flow.symbols == ()


def test_nobody_is_followed_for_checks_that_are_excluded() -> None:
    world = World()
    world.start()
    world.enter()
    assert world.settings.checks.excluded
    assert deep(world) == ()
    quiet = Exits(activity_bars=1, activity_source="tape")
    other = World(msgspec.structs.replace(world.settings, exits=quiet))
    other.start()
    assert deep(other) == ()
    other.enter()
    assert deep(other) == (SYMBOL,)


def test_who_is_held_is_followed() -> None:
    world = flowing()
    world.enter()
    world.engine._watched = ()
    world.wait(2 * LINGER_MS)
    assert deep(world) == (SYMBOL,)


def test_the_tape_may_end_a_trade_that_went_quiet() -> None:
    exits = Exits(activity_bars=1, activity_min_mult=0.5, activity_source="tape")
    world = flowing(msgspec.structs.replace(ASKED, exits=exits))
    world.enter()
    for second in range(1, 240):  # then trades stop
        world.now = CLOSE_MS + 1000 * second
        world.feed(trades(world.now - 500, 2))
    world.bar(103.1)
    assert [x.rule for x in world.facts(f.ExitAsked)] == ["activity_drop"]


def test_an_unknown_tape_ends_nothing() -> None:
    exits = Exits(activity_bars=1, activity_min_mult=0.5, activity_source="tape")
    world = flowing(msgspec.structs.replace(ASKED, exits=exits))
    world.enter()
    world.feed(e.FlowDown((SYMBOL,), "connection closed"))
    world.bar(103.1)
    assert world.facts(f.ExitAsked) == []


# -- open interest -------------------------------------------------------------------------------


def recalled(world: World) -> list[i.FetchInterest]:
    return [x for x in world.intents if isinstance(x, i.FetchInterest)]


def test_the_past_is_asked_for_a_few_at_a_time_and_once() -> None:
    names = instruments(*(f"{letter}USDT" for letter in "ABCDEFG"))
    world = Market(Settings(), names)
    world.start()
    asked = recalled(world)
    assert len({x.symbol for x in asked}) == len(asked) <= 2 * INTEREST_AT_ONCE
    assert asked[0].since_ms == world.now - DAY_MS - HOUR_MS
    world.wait(1000)
    assert len(recalled(world)) == len(names)
    world.feed(e.InterestLoaded("AUSDT", ((world.now - DAY_MS, 9e5),)))
    world.feed(e.FetchFailed("interest BUSDT", "no answer in time"))
    world.feed(e.FetchFailed("interest ZUSDT", "no answer in time"))
    world.wait(INTEREST_AGAIN_MS - 2000)
    assert len(recalled(world)) == len(names)
    for _ in range(3):
        world.wait(1000)
    again = [x.symbol for x in recalled(world)[len(names) :]]
    assert sorted(again) == [f"{letter}USDT" for letter in "BCDEFG"]
    assert world.engine.market.interest.change_pct("AUSDT") == pytest.approx(100 / 9)


@pytest.mark.parametrize(
    ("settings", "is_asked"),
    [
        (Settings(universe=Universe(oi_change_min_pct=0), score=Score(w_oi_change=0)), False),
        (Settings(checks=Checks(excluded=("oi_change",)), score=Score(w_oi_change=0)), False),
        (Settings(score=Score(w_oi_change=0), checks=Checks(excluded=("oi",))), True),
        (Settings(universe=Universe(oi_change_min_pct=0)), True),
    ],
)
def test_the_past_is_asked_for_while_somebody_needs_it(
    settings: Settings,
    is_asked: bool,  # noqa: FBT001 -- a row of a table
) -> None:
    world = Market(settings)
    world.start()
    assert bool(recalled(world)) == is_asked


def test_open_interest_decides_who_is_watched() -> None:
    checks = Checks(excluded=("late_bar",))
    world = Market(Settings(checks=checks))
    world.start()
    assert deep(world) == ()
    world.feed(e.InterestLoaded(SYMBOL, ((world.now - DAY_MS, 9e5),)))
    world.close_bar(300)
    told = rows(world)
    assert (told["oi"].status, told["oi"].value) == (CheckStatus.PASS, 1e8)
    assert told["oi_change"].value == pytest.approx(100 / 9)
    assert deep(world) == (SYMBOL,)


def test_other_parameters_reach_what_is_followed() -> None:
    world = flowing()
    settings = msgspec.structs.replace(
        ASKED, micro=msgspec.structs.replace(ASKED.micro, book_stale_ms=200)
    )
    follow = world.engine.market.flow.get(SYMBOL)
    assert follow is not None
    use = e.UsePreset(command_id="1", by="@ann", name="breakout_v1", settings=settings)
    world.feed(use)
    assert follow.depth(world.now + 151) is None
