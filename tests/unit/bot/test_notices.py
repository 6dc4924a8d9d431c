"""What is told of a trade and of the limits: which words, how loudly, how often."""

from desks import taken

from bot.complaints import KEPT, WINDOW_MS, Complaints
from bot.notices import TRAIL_MS, Notice, Teller, Urgency
from bot.preferences import Kind
from bot.trades import TradeBook
from bot.views import layout
from builders import T0, D, fill, order
from engine.core import facts as f
from engine.core.facts import AnyFact
from engine.core.values import (
    Arm,
    Funding,
    GateName,
    Ms,
    OrderKind,
    OrderSide,
    OrderState,
    Purpose,
    Side,
    StopKind,
    Target,
)

RUNGS = (Target(1.5, D("105.28"), D(4)), Target(2.8, D("107.26"), D(4)))
OPENED = f.PositionOpened(17, D("103.00"), D(10), D("1.52"), D("16.4"), RUNGS)


class Story:
    """Facts in order, and the notices they were worth."""

    def __init__(self) -> None:
        self.book = TradeBook()
        self.teller = Teller(self.book, "alpha")
        self.seq = 0

    def tell(self, fact: AnyFact, after_ms: Ms = 0) -> list[Notice]:
        self.seq += 1
        record = f.Record(self.seq, T0 + after_ms, fact)
        self.book.fold(record)
        return self.teller.take(record)

    def one(self, fact: AnyFact, after_ms: Ms = 0) -> Notice:
        [notice] = self.tell(fact, after_ms)
        return notice

    def says(self, fact: AnyFact, after_ms: Ms = 0) -> list[str]:
        """The words of the one notice, line by line, without markup."""
        return layout.plain(self.one(fact, after_ms).text.html).split("\n")


def trading() -> Story:
    """A long of 10 that is open and protected, with two rungs."""
    story = Story()
    story.tell(f.Booted(1, "0.1.0", "paper", was_clean=True))
    for fact in (
        taken(targets=RUNGS),
        f.OrderPlaced(order(position_id=17)),
        f.OrderFilled(17, fill(price=D("103.00"))),
        OPENED,
        f.StopMoved(17, D("101.48"), StopKind.INITIAL),
    ):
        story.tell(fact)
    return story


def test_a_target_taken_early_is_told_by_its_rung() -> None:
    story = trading()
    now = order(
        Purpose.TARGET, id="t1", position_id=17, kind=OrderKind.MARKET, qty=D(5), price=None,
        reason=OPENED.targets[0].name,
    )  # fmt: skip
    story.tell(f.OrderPlaced(now))
    early = sold(Purpose.TARGET, "t1", "5", price=D("104.00"))
    assert story.says(early) == [
        "🎯 SOLUSDT LONG target 1 of 2: sold 5 @ 104.00 (+0.66R), 5 left · #17 · 🧪"
    ]


def leaving(reason: str, qty: str = "10", order_id: str = "x1") -> f.OrderPlaced:
    placed = order(Purpose.EXIT, id=order_id, position_id=17, qty=D(qty), reason=reason)
    return f.OrderPlaced(placed)


def sold(purpose: Purpose, order_id: str, qty: str, **changes: object) -> f.OrderFilled:
    changes = {"id": f"{order_id}{qty}", "price": D("105.28"), **changes}
    return f.OrderFilled(17, fill(purpose, order_id=order_id, qty=D(qty), **changes))


def moved(price: str, kind: StopKind = StopKind.TRAILING) -> f.StopMoved:
    return f.StopMoved(17, D(price), kind)


# Fills


def test_a_target_says_its_rung_and_how_much_of_it() -> None:
    story = trading()
    aim = order(
        Purpose.TARGET, id="t2", position_id=17, kind=OrderKind.LIMIT, qty=D(4), price=D("107.26")
    )
    story.tell(f.OrderPlaced(aim))
    part = sold(Purpose.TARGET, "t2", "1.5", price=D("107.26"))
    assert story.says(part) == [
        "🎯 SOLUSDT LONG target 2 of 2: sold 1.5 of 4 @ 107.26 (+2.80R), 8.5 left · #17 · 🧪"
    ]
    rest = sold(Purpose.TARGET, "t2", "2.5", price=D("107.26"))
    assert story.says(rest) == [
        "🎯 SOLUSDT LONG target 2 of 2: sold 4.0 @ 107.26 (+2.80R), 6.0 left · #17 · 🧪"
    ]
    strange = sold(Purpose.TARGET, "t9", "1", price=D("107.26"))
    assert story.says(strange) == [
        "🎯 SOLUSDT LONG target: sold 1 @ 107.26 (+2.80R), 5.0 left · #17 · 🧪"
    ]


def test_an_add_on_says_what_is_held_now() -> None:
    story = trading()
    more = order(Purpose.ADDON, id="a1", position_id=17, qty=D(3), side=OrderSide.BUY)
    story.tell(f.OrderPlaced(more))
    bought = fill(
        Purpose.ADDON, id="a", order_id="a1", qty=D(3), price=D("104.5"), side=OrderSide.BUY
    )
    assert story.says(f.OrderFilled(17, bought)) == [
        "🚀 SOLUSDT LONG added: bought 3 @ 104.50, 13 held · #17 · 🧪"
    ]
    unknown = f.OrderFilled(99, bought)
    assert story.says(unknown) == ["🚀 position #99 added: bought 3 @ 104.5 · #99 · 🧪"]


def test_an_exit_says_which_rule_or_person_or_exchange_it_was() -> None:
    story = trading()
    story.tell(leaving("failed_breakout"))
    assert story.says(sold(Purpose.EXIT, "x1", "4")) == [
        "✖ SOLUSDT LONG back through the level: sold 4 of 10 @ 105.28, 6 left · #17 · 🧪"
    ]
    assert story.says(sold(Purpose.EXIT, "v1", "1", cause="adl")) == [
        "✖ SOLUSDT LONG auto-deleveraged by the exchange: sold 1 @ 105.28, 5 left · #17 · 🧪"
    ]
    assert story.says(sold(Purpose.EXIT, "v2", "1")) == [
        "✖ SOLUSDT LONG exit: sold 1 @ 105.28, 4 left · #17 · 🧪"
    ]
    story.tell(moved("104.10"))
    assert story.says(sold(Purpose.STOP, "s1", "4")) == [
        "🛑 SOLUSDT LONG trailing stop: sold 4 @ 105.28, 0 left · #17 · 🧪"
    ]


# Stops


def test_a_stop_that_trails_is_silent_and_rare() -> None:
    story = trading()
    first = story.one(moved("104.10"))
    assert (first.is_silent, first.key) == (True, "stop:17")
    assert layout.plain(first.text.html) == (
        "🛑 SOLUSDT LONG stop trails to 104.10 (+0.72R) · #17 · 🧪"
    )
    assert [story.tell(moved(f"104.{n}"), n * 60_000) for n in range(11, 15)] == [[]] * 4
    assert story.says(moved("105.00"), TRAIL_MS) == [
        "🛑 SOLUSDT LONG stop trails to 105.00 (+1.32R) · #17 · 🧪"
    ]
    assert story.tell(moved("105.10"), TRAIL_MS + 1) == []


def test_other_moves_are_each_told_and_a_return_of_the_stop_too() -> None:
    story = trading()
    assert story.says(moved("103.30", StopKind.BREAKEVEN)) == [
        "🛑 SOLUSDT LONG stop to breakeven 103.30 (+0.20R) · #17 · 🧪"
    ]
    assert story.says(moved("103.40", StopKind.MANUAL)) == [
        "🛑 SOLUSDT LONG stop moved by hand to 103.40 (+0.26R) · #17 · 🧪"
    ]
    story.tell(f.StopMissing(17, "gone"))
    back = story.one(moved("103.40", StopKind.TRAILING))
    assert "stop is back at 103.40" in back.text.html
    assert back.key == ""
    assert story.says(f.StopMoved(99, D("5.5"), StopKind.MANUAL)) == [
        "🛑 position #99 stop moved by hand to 5.5 · #99 · 🧪"
    ]


# What came late, and money that is no result


def test_a_late_fill_of_a_given_up_entry_is_loud_and_keeps_its_thread() -> None:
    story = Story()
    story.tell(taken())
    story.tell(f.OrderPlaced(order(position_id=17)))
    story.book.remember_root(1, 11, 500)
    story.tell(f.OrderEnded("alpha-1-1E", OrderState.EXPIRED, ""))
    notice = story.one(f.OrderAdopted("alpha-1-1E", 23))
    assert (notice.urgency, notice.is_silent) == (Urgency.SAFETY, False)
    assert layout.plain(notice.text.html).split("\n") == [
        "❗ SOLUSDT LONG filled late · #23",
        "An entry that was given up was filled after all. It gets its stop and is being closed.",
    ]
    assert notice.trade is not None
    assert (notice.trade.roots, notice.trade.taken.position_id) == ({11: 500}, 23)
    assert story.says(f.OrderFilled(23, fill(price=D(103)))) == [
        "🚀 SOLUSDT LONG filled: bought 10 @ 103.00 (slip +0.0 bps) · #23"
    ]
    assert "position #24" in story.says(f.OrderAdopted("nobody's", 24))[0]


def test_funding_is_folded_into_the_trade_without_a_word() -> None:
    story = trading()
    for number, amount in enumerate(("1.30", "-0.20")):
        paid = Funding(f"f{number}", "SOLUSDT", D(amount), T0)
        assert story.tell(f.FundingPaid(17, paid)) == []
    assert story.book.trades[17].funding == D("1.10")


def test_funding_of_a_trade_that_is_over_is_news() -> None:
    story = trading()
    late = f.FundingPaid(None, Funding("f9", "XRPUSDT", D("1.30"), T0))
    notice = story.one(late)
    assert (notice.urgency, notice.kind) == (Urgency.CARD, Kind.REPORT)
    assert layout.plain(notice.text.html) == (
        "💰 XRPUSDT funding -1.30 USDT · 🧪 PAPER\nIts trade was closed before; the balance has it."
    )


def test_a_transfer_is_news_and_no_result() -> None:
    story = trading()
    notice = story.one(f.Transferred("t1", D(1000)))
    assert (notice.urgency, notice.kind) == (Urgency.CARD, Kind.REPORT)
    assert layout.plain(notice.text.html) == (
        "💰 1\u2009000.00 USDT came in · 🧪 PAPER\n"
        "No result: the day's start and the peak moved by it."
    )
    assert story.says(f.Transferred("t2", D("-2.5")))[0] == "💰 2.50 USDT went out · 🧪 PAPER"


# Gates


def test_the_limits_of_a_day_say_when_entries_come_back() -> None:
    story = trading()
    day = story.one(f.GateClosed(GateName.DAILY_LOSS, "engine", "down 8.10% of 8%"))
    assert (day.urgency, day.is_silent, day.not_for) == (Urgency.MONEY, False, None)
    assert layout.plain(day.text.html).split("\n") == [
        "🔒 Daily loss limit · 🧪 PAPER",
        (
            "down 8.10% of 8%. Exits and stops go on. No entries until the next trading day; "
            "/resume does not change that."
        ),
    ]
    assert story.says(f.GateClosed(GateName.LOSING_STREAK, "engine", "5 in a row"))[0] == (
        "🔒 Losing streak · 🧪 PAPER"
    )
    assert story.says(f.GateOpened(GateName.DAILY_LOSS, "engine", "a new day began")) == [
        "🟢 Daily loss limit: over · 🧪 PAPER",
        "a new day began",
    ]


def test_a_clock_that_is_right_again_resolves_its_error() -> None:
    story = trading()
    (error,) = story.tell(f.Incident("clock_off", "2 s ahead", cause="clock"))
    opened, resolved = story.tell(f.GateOpened(GateName.CLOCK_BAD, "engine", "it agrees"))
    assert opened.over == ("gate:clock_bad",)
    assert (resolved.amends, resolved.seqs) == (error.seqs[0], ())
    assert "Resolved" in resolved.text.html


def test_an_order_that_went_resolves_the_refusal_of_its_kind() -> None:
    story = trading()
    refused = f.Incident("order_refused", "TARGET t1 refused, FUNDS", "SOLUSDT")
    (error,) = story.tell(refused)
    story.tell(f.OrderPlaced(order(Purpose.TARGET, id="t2", position_id=17)))
    (resolved,) = story.tell(f.OrderAcked("t2", None))
    assert resolved.amends == error.seqs[0]
    assert story.tell(f.OrderAcked("t2", None)) == []


def test_a_position_that_closed_resolves_what_was_refused_for_it() -> None:
    story = trading()
    for words in ("EXIT x1", "TARGET t1", "ENTRY e1"):
        story.tell(f.Incident("order_refused", f"{words} refused, FUNDS", "SOLUSDT"))
    closed = f.PositionClosed(
        position_id=17,
        symbol="SOLUSDT",
        side=Side.LONG,
        rule="INITIAL",
        gross=D(-10),
        fees=D(1),
        net=D(-11),
        result_r=-1.0,
        mfe_r=0.2,
        mae_r=-1.0,
        opened_ms=T0,
    )
    first, *resolved = story.tell(closed)
    assert first.over == ("stop:17", "adopted:17")
    told = ["EXIT" in n.text.html or "TARGET" in n.text.html for n in resolved]
    assert told == [True, True]


def test_an_error_is_news_again_after_ten_quiet_minutes() -> None:
    story = trading()
    error = f.Incident("balance_off", "off by 0.7 %")
    assert [n.amends is None for n in story.tell(error)] == [True]
    assert [n.amends is None for n in story.tell(error, WINDOW_MS - 1)] == [False]
    assert [n.amends is None for n in story.tell(error, 2 * WINDOW_MS)] == [True]


def test_memory_of_errors_is_bounded() -> None:
    complaints = Complaints()
    for number in range(KEPT + 1):
        complaints.take(number, T0, f.Incident("unprotected", "x", f"S{number}"))
    assert complaints.stop_stands("S0") == []
    assert [c.seq for c in complaints.stop_stands("S1")] == [1]


def test_the_kill_switch_says_who_lifts_it() -> None:
    story = trading()
    fired = f.GateClosed(GateName.KILL_SWITCH, "engine", "drawdown 18.2% of 18%", flatten=True)
    notice = story.one(fired)
    assert (notice.urgency, notice.is_silent) == (Urgency.SAFETY, False)
    assert layout.plain(notice.text.html).split("\n") == [
        "🔒 Entries locked · 🧪 PAPER",
        (
            "drawdown 18.2% of 18%. Exits and stops go on. Every position is being closed. "
            "Only an owner lifts it, with /resume and a reason."
        ),
    ]
    assert story.says(f.GateOpened(GateName.KILL_SWITCH, "@ann (1)", "checked"))[0] == (
        "🟢 Lock lifted by @ann · 🧪 PAPER"
    )


# Presets


def test_a_chosen_preset_is_told_once_to_those_who_did_not_choose_it() -> None:
    notice = trading().one(f.PresetChosen("scalping", "@ann (11)"))
    assert (notice.urgency, notice.is_silent, notice.not_for) == (Urgency.MONEY, False, 11)
    assert layout.plain(notice.text.html).split("\n") == [
        "⚙️ Preset scalping by @ann · 🧪 PAPER",
        "It holds from the next bar on, or from the next start if its bars are of another size.",
    ]


def test_a_symbol_left_alone_is_told_to_the_others() -> None:
    story = trading()
    notice = story.one(f.SymbolIgnored("XRPUSDT", "@ann (11)"))
    assert (notice.urgency, notice.not_for) == (Urgency.MONEY, 11)
    assert layout.plain(notice.text.html).split("\n") == [
        "👤 XRPUSDT is left alone, by @ann · 🧪 PAPER",
        "What is open there is not ours.",
    ]
    back = story.says(f.SymbolIgnored("XRPUSDT", "@ann (11)", is_on=False))
    assert back[0] == "👤 XRPUSDT counts again, by @ann · 🧪 PAPER"


def test_arming_is_told_with_the_venue() -> None:
    notice = Story().one(f.LiveArmed(Arm("@ann (11)", "https://api.bybit.com", 1)))
    assert (notice.urgency, notice.is_silent) == (Urgency.MONEY, False)
    assert layout.plain(notice.text.html).split("\n") == [
        "⚠️ Armed by @ann · 💵 LIVE",
        "Real orders may go to https://api.bybit.com. For a day new trades risk less.",
    ]


def test_what_strangers_do_does_not_delay_an_answer() -> None:
    story = Story()
    (tidings,) = story.tell(f.Incident("foreign_fill", "fill x of 5 XRPUSDT", "XRPUSDT"))
    (danger,) = story.tell(f.Incident("position_mismatch", "XRPUSDT LONG 5 is not ours"))
    assert danger.urgency < Urgency.ANSWER < tidings.urgency
