"""Pictures of results: the curve of closed trades, and how large they were."""

from desks import trade, view

from bot.content import Photo
from bot.views.equity import R_EDGES, equity_photo, r_histogram_photo
from bot.views.layout import Text, read
from builders import T0
from engine.chart import EquityChart, RHistogram, render

HOUR_MS = 3_600_000
TRADES = (
    trade(1, "30", T0),
    trade(2, "-15", T0 + HOUR_MS),
    trade(3, "-30", T0 + 2 * HOUR_MS),
    trade(4, "120", T0 + 3 * HOUR_MS),
)
BUTTONS = ((read("PnL", "pnl"),),)


def curve(photo: Photo | Text) -> EquityChart:
    assert isinstance(photo, Photo)
    assert isinstance(photo.picture, EquityChart)
    return photo.picture


def test_the_curve_adds_up_closed_trades() -> None:
    photo = equity_photo(view(trades=TRADES), TRADES, "last 7 days", BUTTONS)
    picture = curve(photo)

    assert picture.equity.tolist() == [0, 30, 15, -15, 105]
    assert picture.drawdown.tolist() == [0, 0, -15, -45, 0]
    assert picture.at_ms.tolist() == [T0 - 60_000, *(t.closed_ms for t in TRADES)]
    assert (picture.title, picture.words) == ("Net, last 7 days", "4 trades closed · +3.50R")
    assert isinstance(photo, Photo)
    assert photo.caption.buttons == BUTTONS
    assert photo.caption.html.startswith(
        "📊 <b>Net +105.00</b> USDT · last 7 days · 🧪 PAPER\n"
        "4 trades closed, +3.50R, largest fall 45.00 USDT\n<i>To <tg-time"
    )


def test_the_order_of_closing_counts() -> None:
    picture = curve(equity_photo(view(trades=TRADES), TRADES[::-1], "<today>"))
    assert picture.equity.tolist() == [0, 30, 15, -15, 105]
    assert len(render(picture)) > 1000


def test_without_a_fall_there_is_none() -> None:
    photo = equity_photo(view(trades=TRADES), TRADES[:1], "<b>")
    assert curve(photo).fall == 0
    assert isinstance(photo, Photo)
    assert "1 trade closed, +1.00R, largest fall 0.00 USDT" in photo.caption.html
    assert "&lt;b&gt;" in photo.caption.html


def test_nothing_closed_is_words() -> None:
    assert equity_photo(view(), (), "today", BUTTONS) == Text(
        "No trade closed yet: there is nothing to draw.", BUTTONS
    )
    none_now = equity_photo(view(trades=TRADES), (), "today")
    assert none_now == Text("No trade closed in this period, 4 before.")
    assert isinstance(r_histogram_photo(view()), Text)


def test_results_are_counted_by_their_size() -> None:
    results = (-2.0, -1.5, -1.0, -0.99, 0.0, 0.01, 3.0, 3.01)
    trades = tuple(trade(i, "1", T0, result_r=r) for i, r in enumerate(results))
    photo = r_histogram_photo(view(trades=trades), BUTTONS)

    assert isinstance(photo, Photo)
    picture = photo.picture
    assert isinstance(picture, RHistogram)
    assert picture.edges == R_EDGES
    assert picture.counts == (2, 1, 1, 1, 1, 0, 0, 1, 1)
    assert sum(picture.counts) == len(results)
    assert picture.words == "mean +0.07R · 100% won"
    assert photo.caption == Text(
        "📊 <b>Results in R</b> · 🧪 PAPER\n"
        "8 trades: mean +0.07R · 100% won, best +3.01R, worst -2.00R",
        BUTTONS,
    )
