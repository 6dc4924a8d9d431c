"""Rows on order flow at their edges: books that end, sides nobody takes, what is off."""

import msgspec
import numpy as np
import pytest
from books import book, side, trades

from builders import INSTRUMENT
from engine.core import micro
from engine.core.checks import CHECKS, Row
from engine.core.conditions import Scene
from engine.core.events import BookSeen
from engine.core.flow import Follow
from engine.core.market import Market
from engine.core.settings import Settings, Signals, Universe
from engine.core.values import OrderSide
from engine.core.walls import Wall
from series import FRAME_MS

DEFAULT = Settings()
NOW_MS = 1_750_000_500_000
SYMBOLS = ("AUSDT", "SOLUSDT")  # nobody follows the first one
AT = 1


def scene(*books: BookSeen, settings: Settings = DEFAULT) -> tuple[Scene, Follow]:
    """A market followed since 300 s, with one trade a second and these books in the last ones."""
    market = Market(settings)
    market.flow.follow((INSTRUMENT,))
    market.flow.cover(SYMBOLS, NOW_MS - 300_000)
    for second in range(300):
        at_ms = NOW_MS - 300_000 + 1000 * second
        market.flow.trade(trades(at_ms), at_ms)
        for seen in books:
            if at_ms <= seen.exchange_ms < at_ms + 1000:
                market.flow.see(seen, seen.exchange_ms)
    market.flow.catch_up(NOW_MS)
    follow = market.flow.get("SOLUSDT")
    assert follow is not None
    return Scene(market, settings, SYMBOLS, NOW_MS - FRAME_MS, NOW_MS), follow


def micro_rows(seen: Scene) -> dict[str, Row]:
    return {row.name: row for row in micro.micro_rows(micro.see(seen), seen.settings)}


def sided_rows(seen: Scene, sign: float) -> dict[str, Row]:
    close, signs = np.full(2, 103.0), np.array([1.0, sign])
    rows = micro.sided_rows(micro.see(seen), signs, close, seen.settings)
    return {row.name: row for row in rows}


def told(row: Row) -> tuple[bool | None, str]:
    """Outcome of the followed market, None = unknown, and its words."""
    known = np.isfinite(row.value) if row.known is None else row.known
    assert not known[0]
    assert row.unknown == micro.NOT_FOLLOWED
    words = row.words[AT] if row.words else ""
    return (bool(row.ok[AT]) if known[AT] else None), words


@pytest.mark.parametrize(
    ("qty", "least", "outcome", "words"),
    [
        (1, 5000, True, ""),  # enough is enough, whatever lies beyond
        (1, 20_000, None, "the book shows 10300 USD and may hold more"),
    ],
)
def test_a_book_that_ends_early_may_pass_and_never_fails(
    qty: float,
    least: float,
    outcome: bool | None,  # noqa: FBT001 -- a row of a table
    words: str,
) -> None:
    flat = side(102.995, -0.001, qty, 50), side(103.005, 0.001, qty, 50)
    limits = Universe(depth_30bps_min_usd=least, depth_50bps_min_usd=least)
    seen, _ = scene(BookSeen("SOLUSDT", *flat, NOW_MS - 100), settings=Settings(universe=limits))
    rows = micro_rows(seen)
    assert told(rows["depth_30"]) == told(rows["depth_50"]) == (outcome, words)


def test_a_book_shown_whole_fails_when_it_is_thin() -> None:
    seen, _ = scene(book(NOW_MS - 100, 0.1, 0.1))
    assert told(micro_rows(seen)["depth_30"]) == (False, "")


def test_a_side_nobody_takes_has_neither_imbalance_nor_walls() -> None:
    seen, _ = scene(*(book(NOW_MS - ago) for ago in range(70_000, 0, -1000)))
    rows = sided_rows(seen, 0)
    assert told(rows["imbalance"]) == told(rows["wall_ahead"]) == (None, micro.NO_SIDE)


def test_imbalance_is_signed_by_the_side() -> None:
    seen, _ = scene(*(book(NOW_MS - ago, bids=20) for ago in range(70_000, 0, -1000)))
    assert told(sided_rows(seen, 1)["imbalance"]) == (True, "")
    assert told(sided_rows(seen, -1)["imbalance"]) == (False, "")
    assert sided_rows(seen, -1)["imbalance"].value[AT] == pytest.approx(-1 / 3, abs=0.01)


def test_walls_count_that_stand_ahead_on_the_opposing_side() -> None:
    seen, follow = scene(*(book(NOW_MS - ago) for ago in range(70_000, 0, -1000)))
    assert told(sided_rows(seen, 1)["wall_ahead"]) == (True, micro.CLEAR)
    walls = follow.walls
    for key, (rests, price) in enumerate(
        ((OrderSide.SELL, 103.2), (OrderSide.SELL, 103.04), (OrderSide.SELL, 102.9))
    ):
        walls._walls[rests, key] = Wall(rests, price, 0, 9, 9, 9)
    assert micro.wall_ahead(follow, 1, 103) == pytest.approx(3.8835, rel=1e-4)
    assert told(sided_rows(seen, 1)["wall_ahead"]) == (False, "")
    assert np.isnan(micro.wall_ahead(follow, -1, 103))
    assert told(sided_rows(seen, -1)["wall_ahead"]) == (True, micro.CLEAR)
    assert np.isnan(micro.wall_ahead(follow, 1, 103.2))  # the price stands on it


def test_without_any_trade_there_is_no_pace() -> None:
    quiet, follow = scene(book(NOW_MS - 100))
    late = msgspec.structs.replace(quiet, at_ms=NOW_MS + 400_000)
    rows = micro_rows(late)
    assert rows["tpm"].value[AT] == 0
    assert told(rows["tpm"]) == (False, "")
    assert told(rows["tape_pace"]) == told(rows["tape_activity"]) == (None, micro.NO_TRADE)
    assert told(rows["depth_30"]) == (None, "the book is 400 s old")
    follow.uncover("connection closed")
    assert told(micro_rows(late)["tpm"]) == (None, "connection closed")


def test_a_spread_is_the_book_s_while_it_is_fresh() -> None:
    value = np.array([50.0, 50.0])
    row = Row("spread", value, 30.0, value <= 30)
    seen, _ = scene(book(NOW_MS - 100))
    sharp = micro.spread_row(row, micro.see(seen))
    assert sharp.value.tolist() == [50, pytest.approx(0.9709, abs=1e-3)]
    assert sharp.ok.tolist() == [False, True]
    nobody = msgspec.structs.replace(seen, symbols=("AUSDT", "BUSDT"))
    assert micro.spread_row(row, micro.see(nobody)) is row


def test_parameters_switch_rows_off() -> None:
    off = Settings(
        universe=Universe(depth_30bps_min_usd=0, depth_50bps_min_usd=0, tpm_min=0),
        signals=Signals(wall_block_bps=0, activity_drop_max_frac=1),
    )
    seen, _ = scene(settings=off)
    assert list(micro_rows(seen)) == ["tape_pace"]
    assert list(sided_rows(seen, 1)) == ["imbalance"]
    on, _ = scene()
    assert {*micro_rows(on), *sided_rows(on, 1)} < set(CHECKS)
