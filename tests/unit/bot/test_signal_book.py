"""What the chat remembers of signals, and how it lists them."""

import pytest
from desks import skipped, taken, view

from bot.signals import KEPT, Heard, Page, SignalBook
from bot.views import signals as listing
from builders import T0, signal
from engine.core import facts as f
from engine.core.values import Setup, Side

HOUR_MS = 3_600_000


def book(*facts: f.AnyFact) -> SignalBook:
    found = SignalBook()
    for seq, fact in enumerate(facts, 1):
        found.fold(f.Record(seq, T0, fact))
    return found


def seqs(page: Page) -> list[int]:
    return [heard.seq for heard in page.rows]


def test_signals_are_kept_by_their_place_in_the_journal() -> None:
    facts = (taken(17), f.NoticeSent(1, 11, 5), skipped("slots", symbol="XRPUSDT"))
    found = book(*facts)
    assert found.get(1) == Heard(1, T0, facts[0])
    assert found.get(2) is None
    heard = found.get(3)
    assert heard is not None
    assert heard.signal.symbol == "XRPUSDT"
    assert found.symbols == {"SOLUSDT", "XRPUSDT"}


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    found = book(*[skipped()] * (KEPT + 1))
    assert [found.get(seq) is None for seq in (1, 2, KEPT + 1)] == [True, False, False]


def test_pages_go_back_without_gap_or_repeat() -> None:
    symbols = ["SOLUSDT", "XRPUSDT", "SOLUSDT", "SOLUSDT", "XRPUSDT"]
    found = book(*[skipped(symbol=symbol) for symbol in symbols])
    first = found.page(2)
    assert (seqs(first), first.older) == ([5, 4], 4)
    second = found.page(2, before=first.older)
    assert (seqs(second), second.older) == ([3, 2], 2)
    third = found.page(2, before=second.older)
    assert (seqs(third), third.older) == ([1], None)
    of_one = found.page(2, "XRPUSDT")
    assert (seqs(of_one), of_one.older) == ([5, 2], None)
    assert found.page(9, "BTCUSDT") == Page((), None)


def test_the_list_names_what_became_of_each() -> None:
    facts = (
        skipped("expiry: the signal expired", "expiry"),
        skipped("gates: operator, paused", "gates(operator)", symbol="<b>USDT"),
        skipped("slots", "slots", side=Side.SHORT, setup=Setup.RETEST),
        taken(17),
    )
    text = listing.signals(book(*facts).page(3), view(), ("3",))
    head, *lines = text.html.split("\n")
    assert head == "📡 <b>Signals</b> · 🧪"
    assert lines[0].startswith('1. <tg-time unix="1750000000" format="t">')
    assert [line.rpartition("</tg-time> ")[2] for line in lines] == [
        "<b>SOL LONG</b> momentum",
        "🚀 taken #17",
        "<b>SOL SHORT</b> retest",
        "✖ skipped: all slots were taken",
        "<b>&lt;b&gt; LONG</b> momentum",
        "✖ skipped: operator, paused",
    ]
    assert [[b.data for b in line] for line in text.buttons] == [
        ["r|why s4", "r|why s3", "r|why s2"],
        ["r|chart SOLUSDT", "r|chart <b>USDT"],
        ["e|signals 3", "e|signals 3 s2", "r|why"],
    ]


def test_an_old_signal_carries_its_date_and_an_expired_one_its_word() -> None:
    found = book(skipped("expiry: the signal expired", "expiry"))
    text = listing.signals(found.page(8), view(at_ms=T0 + 25 * HOUR_MS), ("SOLUSDT",))
    assert text.html.startswith("📡 <b>Signals</b> of SOLUSDT · 🧪\n1. <tg-time")
    assert 'format="dt">06-15 15:06</tg-time>' in text.html
    assert text.html.endswith("\n✖ expired")
    assert [b.data for b in text.buttons[-1]] == ["e|signals SOLUSDT", "r|why"]


@pytest.mark.parametrize("asked", [(), ("SOLUSDT",)])
def test_no_signals(asked: tuple[str, ...]) -> None:
    text = listing.signals(Page((), None), view(), asked)
    assert "No signal yet" in text.html
    assert len(text.buttons) == 1


def test_no_more_than_six_rows_have_buttons() -> None:
    found = book(*[skipped(symbol=f"C{n}USDT") for n in range(9)])
    text = listing.signals(found.page(9), view())
    assert [len(line) for line in text.buttons] == [3, 3, 3, 3, 2]
    assert signal().symbol not in text.html
