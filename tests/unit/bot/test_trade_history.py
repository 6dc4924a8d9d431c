"""Closed trades: pages, the whole life of one, statistics, documents."""

import csv
import io
import zipfile
from decimal import Decimal

import pytest
from desks import FakeDesk, body, body_of, position, skipped, taken, trade, view
from talk import Talk, talking
from telegram_wire import buttons

from bot.export import signals_csv, trades_csv
from bot.signals import Heard
from bot.trades import Trade
from bot.views import stats
from bot.views import trades as listing
from bot.views.layout import plain
from builders import T0, D, fill, signal
from engine.core import facts as f
from engine.core.performance import SPLITS
from engine.core.values import Funding, OrderSide, Purpose, Setup, Side, StopKind, Target

MINUTE_MS = 60_000


def many(count: int) -> FakeDesk:
    desk = FakeDesk()
    desk.show(
        trades=tuple(
            trade(n, str(n % 5 - 2), T0 + n * MINUTE_MS, symbol=("SOLUSDT", "ARBUSDT")[n % 2])
            for n in range(1, count + 1)
        )
    )
    return desk


async def test_trades_are_turned_in_place_eight_a_page() -> None:
    async with talking(many(20)) as talk:
        said = await talk.say("/trades")
        assert said["text"].startswith("📒 <b>Closed trades</b> 1-8 of 20 · 🧪")
        rows = body_of(said)
        assert rows[0] == "#    sym    s      R     net why"
        assert rows[1] == "20   SOL    L  -0.07   -2.00 stop"
        assert len(rows) == 9
        labels = [b["text"] for b in buttons(said)]
        assert labels == [*(f"#{n}" for n in range(20, 12, -1)), "◀", "1/3", "▶", "CSV"]
        for label, first in (("▶", "12"), ("▶", "4"), ("▶", "20"), ("◀", "4")):
            talk.desk.now_real.now += 9
            said = {**await talk.tap(said, label), "id": said["id"], "chat_id": said["chat_id"]}
            assert body_of(said)[1].split()[0] == first


async def test_trades_of_a_market_and_the_last_few() -> None:
    async with talking(many(20)) as talk:
        said = await talk.say("/trades arb p2")
        assert "of ARBUSDT 9-10 of 10" in said["text"]
        assert buttons(said)[-1]["callback_data"] == "r|trades ARBUSDT csv"
        said = await talk.say("/trades 3")
        assert "1-3 of 3" in said["text"]
        assert [b["text"] for b in buttons(said)] == ["#20", "#19", "#18", "CSV"]
        assert "1-8 of 20" in (await talk.say("/trades p0"))["text"]
        assert "17-20 of 20" in (await talk.say("/trades p99"))["text"]
        assert "No trade closed yet" in (await talk.say("/trades pepe"))["text"]


@pytest.mark.parametrize(
    ("rule", "word"),
    [("TRAILING", "trail"), ("target_2", "TP2"), ("operator", "hand"), ("no_progress", "slow"),
     ("panic", "panic"), ("adl", "adl"), ("odd_rule", "odd..")],
)  # fmt: skip
def test_ends_fit_their_column(rule: str, word: str) -> None:
    shown = listing.trades(listing.Pick((trade(1, "5", T0, rule=rule),)), view())
    assert body(shown)[1] == f"1    SOL    L  +0.17   +5.00 {word}"


def lived(desk: FakeDesk, number: int = 17) -> None:
    """A trade from signal to flat becomes true."""
    rung = Target(1.5, D("105.28"), D(5))
    exit_fill = fill(Purpose.STOP, price=D("104.2"), qty=D(10), id="x")
    story: list[f.AnyFact] = [
        taken(number),
        f.OrderFilled(number, fill(price=D("103.05"))),
        f.PositionOpened(number, D("103.05"), D(10), D("1.57"), D("16.9"), (rung,)),
        f.StopMoved(number, D("101.48"), StopKind.INITIAL),
        f.StopMissing(number, "gone <b>"),
        f.StopMoved(number, D("103.2"), StopKind.TRAILING),
        f.FundingPaid(number, Funding("f1", "SOLUSDT", D("0.3"), T0)),
        f.ExitAsked(number, "max_hold", D(10)),
        f.OrderFilled(number, exit_fill),
        f.BarsHeld(number, T0, 1.0, 1.0),
        f.PositionClosed(
            position_id=number, symbol="SOLUSDT", side=Side.LONG, rule="TRAILING", gross=D("11.5"),
            fees=D("1.1"), net=D("10.1"), result_r=0.6, mfe_r=1.1, mae_r=-0.2, opened_ms=T0,
            funding=D("0.3"),
        ),
    ]  # fmt: skip
    for n, fact in enumerate(story):
        desk.tell(fact, T0 + n * MINUTE_MS)


async def test_the_whole_life_of_a_trade() -> None:
    desk = FakeDesk()
    async with talking(desk) as talk:
        desk.tell(skipped())
        lived(desk)
        said = await talk.say("/trades #17")
        head = "✅ <b>SOLUSDT LONG</b> breakout <code>#17</code> <b>+0.60R</b>\ntrailing stop · "
        assert said["text"].startswith(head)
        assert body_of(said) == [
            "Entry      103.05 qty           10",
            "Gross      +11.50 fees       -1.10",
            "Fund        -0.30 net       +10.10",
            "Best       +1.10R worst     -0.20R",
            "Held          10m risk       16.90",
        ]
        story = plain(said["text"].partition("<blockquote expandable>")[2]).split("\n")
        assert [line.partition(" ")[2] for line in story] == [
            "signal at 103.00, stop 101.48, risk 16.40 USDT",
            "entry: bought 10 @ 103.05, fee -0.55",
            "open at 103.05, targets 105.28",
            "stop stands at 101.48",
            "stop MISSING: gone <b>",
            "trailing stop stands at 103.20",
            "funding -0.30",
            "asked to close 10: held as long as allowed",
            "stop: sold 10 @ 104.20, fee -0.55",
            "flat: +0.60R, net +10.10",
        ]
        data = [b["callback_data"] for b in buttons(said)]
        assert data == ["r|why #17", "r|chart SOLUSDT", "r|trades"]


async def test_a_life_the_chat_forgot_is_in_the_journal() -> None:
    desk = FakeDesk()
    async with talking(desk) as talk:
        lived(desk)
        talk.box.book.trades.clear()
        said = await talk.say("/trades #17")
        assert "<b>+0.60R</b>" in said["text"]
        assert body_of(said)[0] == "Entry      103.05 qty           10"


async def test_an_open_trade_has_a_card_and_an_unknown_one_none() -> None:
    desk = FakeDesk()
    async with talking(desk) as talk:
        desk.tell(taken(18))
        assert "No trade of that number" in (await talk.say("/trades #18"))["text"]
        desk.show(positions=(position(18),))
        said = await talk.say("/trades #18")
        assert [b["callback_data"] for b in buttons(said)] == ["r|positions #18"]


def test_a_long_life_is_cut_in_the_middle() -> None:
    desk = FakeDesk()
    desk.tell(taken(17))
    for n in range(100):
        desk.tell(f.StopMoved(17, D(100) + n, StopKind.TRAILING))
    lived(desk)
    closed = desk.journal[-1].fact
    assert isinstance(closed, f.PositionClosed)
    card = listing.life(Trade(taken(17), 1), closed, T0, desk.journal)
    lines = card.html.partition("<blockquote expandable>")[2].split("\n")
    assert len(lines) == listing.EVENTS_MAX
    assert "84 more" in lines[14]
    assert "Entry           -" in plain(card.html)


# Statistics


async def test_statistics_are_split_in_place() -> None:
    async with talking(many(20)) as talk:
        said = await talk.say("/stats")
        assert "· 20 trades ·" in said["text"]
        rows = body_of(said)
        assert rows[0] == "Trades           20   8 won 8 lost"
        assert rows[1] == "Win rate        40%         flat 4"
        assert rows[4] == "Payoff         1.00    factor 1.00"
        by_symbol = await talk.tap(said, "Symbol")
        assert by_symbol["id"] == said["id"]
        assert body_of(by_symbol)[:2] == [
            "symbol       tr  win    exp     PF",
            "ARB          10  40%  +0.00   1.00",
        ]


def test_groups_are_named_as_the_chat_names_them() -> None:
    trades = (
        trade(1, "5", T0, rule="TRAILING"),
        trade(2, "-5", T0, setup=Setup.RETEST, side=Side.SHORT),
        trade(3, "5", T0 + 3_600_000),
    )
    shown = view(trades=trades)
    names = {by: [line.split()[0] for line in body(stats.stats(shown, by))[1:]] for by in SPLITS}
    assert names == {
        "symbol": ["SOL"],
        "setup": ["breakout", "retest"],
        "side": ["LONG", "SHORT"],
        "hour": ["15", "16"],
        "exit": ["stop", "trailing.."],
    }
    assert "UTC" in stats.stats(shown, "hour").html
    lucky = view(trades=trades[:1])
    assert body(stats.stats(lucky))[4] == "Payoff            -    no loss yet"
    assert body(stats.stats(lucky, "side"))[1].split()[-1] == "-"
    assert "</b> · 1 trade · " in stats.stats(lucky).html
    crowd = tuple(trade(n, "5", T0, symbol=f"C{n}USDT") for n in range(30))
    assert body(stats.stats(view(trades=crowd), "symbol"))[-1] == "and 10 more"
    assert "No trade closed yet" in stats.stats(view()).html
    ways = [[b.label for b in line] for line in stats.stats(shown).buttons[1:]]
    assert ways == [["All", "📊 Histogram"], ["📒 Trades", "💰 PnL"]]


# Documents


def rows_of(content: object) -> list[dict[str, str]]:
    assert isinstance(content, bytes)
    return list(csv.DictReader(io.StringIO(content.decode())))


async def download(talk: Talk, words: str) -> bytes:
    said = await talk.say(words)
    assert said["document"] == "attached"
    [content] = talk.wire.uploads[-1]
    assert isinstance(content, bytes)
    return content


async def test_trades_as_a_file() -> None:
    async with talking(many(3)) as talk:
        rows = rows_of(await download(talk, "/trades csv"))
        assert [row["id"] for row in rows] == ["1", "2", "3"]
        assert rows[0]["rule"] == "stop"
        assert Decimal(rows[0]["net"]) == -1
        assert rows[0]["closed"] == "2025-06-15T15:07:40.000+00:00"
        assert len(rows_of(await download(talk, "/trades arb csv"))) == 2


async def test_an_export_has_all_the_journal_has() -> None:
    desk = FakeDesk()
    async with talking(desk) as talk:
        desk.tell(skipped("slots: all taken", "slots"), T0 - 86_400_000 * 3)
        lived(desk)
        [row] = rows_of(await download(talk, "/export trades"))
        assert (row["id"], row["setup"], row["entry"], row["funding"]) == (
            "17",
            "MOMENTUM",
            "103.05",
            "0.3",
        )
        signals = rows_of(await download(talk, "/export signals"))
        assert [(s["taken"], s["became"]) for s in signals] == [
            ("no", "skipped: all taken"),
            ("yes", "taken #17"),
        ]
        assert len(rows_of(await download(talk, "/export signals today"))) == 1
        desk.show(at_ms=T0 + 86_400_000 * 9)
        assert rows_of(await download(talk, "/export trades 7d")) == []
        content = await download(talk, "/export all")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == ["trades.csv", "signals.csv", "config.toml", "logs.txt"]
            assert b"risk.risk_per_trade_pct = 1.5" in archive.read("config.toml")


async def test_a_trade_without_its_beginning_is_left_out() -> None:
    desk = FakeDesk()
    async with talking(desk) as talk:
        lived(desk)
        del desk.journal[0]
        assert rows_of(await download(talk, "/export trades")) == []


def test_no_cell_is_a_formula() -> None:
    bad = trade(1, "-5", T0, symbol="=HYPERLINK(1)", rule="@cmd")
    [row] = rows_of(trades_csv([bad]))
    assert (row["symbol"], row["rule"], row["net"]) == ("'=HYPERLINK(1)", "'@cmd", "-5")
    odd = Heard(1, T0, f.SignalSkipped(signal(symbol="+x"), "-1"))
    assert rows_of(signals_csv([odd]))[0]["symbol"] == "'+x"


def test_the_deal_is_named_by_its_side() -> None:
    record = f.Record(1, T0, f.OrderFilled(1, fill(Purpose.EXIT, side=OrderSide.BUY)))
    assert listing._said(record, 2).startswith("exit: bought")
