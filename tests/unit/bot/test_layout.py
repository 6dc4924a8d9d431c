"""Numbers, cells and buttons: what every card is made of."""

from bot.views import layout
from bot.views.layout import Text
from builders import D


def test_numbers_and_spans() -> None:
    spans = {5: "5s", 125: "2m", 7800: "2h10", 6 * 86_400 + 14_400: "6d 04h", None: "-", -3: "0s"}
    assert {k: layout.span(k) for k in spans} == spans
    assert layout.span(float("nan")) == "-"
    amounts = [layout.money(D("-1234.5")), layout.money(None), layout.money(float("inf"))]
    assert amounts == ["-1234.50", "-", "-"]
    assert [layout.compact(x) for x in (8.2e6, 61_000, 1.12, 2e9, None)] == [
        "8.2M", "61k", "1.12", "2B", "-",
    ]  # fmt: skip
    assert [layout.price(x) for x in (102.322641234, D("0.10"), 1e-7, None)] == [
        "102.32264", "0.10", "0.0000001", "-",
    ]  # fmt: skip


def test_no_number_is_minus_zero() -> None:
    tiny = -0.0004
    shown = [layout.money(tiny), layout.money(D("-0.001"), signed=False), layout.percent(tiny)]
    shown += [layout.in_r(tiny), layout.fixed(tiny, 2), layout.price(tiny, 1), layout.compact(-0.0)]
    assert shown == ["+0.00", "0.00", "+0.00%", "+0.00R", "0.00", "0.0", "0"]


def test_prices_show_as_many_decimals_as_their_tick() -> None:
    assert [layout.decimals(*x) for x in ([D("101.50")], [1.25, D(3)], [None, 1e-7], [D(10), 1e9], [])] == [2, 2, 7, 0, 0]  # fmt: skip  # noqa: E501
    assert [layout.price(x, 3) for x in (13.745486, D("13.7"), None)] == ["13.745", "13.700", "-"]


def test_people_are_shown_without_the_number_facts_keep() -> None:
    assert [layout.who(x) for x in ("@ann (1001)", "user (11)", "engine", "<b>")] == [
        "@ann", "user (11)", "engine", "&lt;b&gt;",
    ]  # fmt: skip


def test_long_words_are_cut_to_what_telegram_takes() -> None:
    short = Text("<b>fine</b>")
    assert layout.fit(short) is short
    long = layout.fit(Text("<b>" + "🚀" * 3000 + "&lt;</b>"))
    assert layout.units(layout.plain(long.html)) <= layout.TEXT_MAX
    assert long.html.endswith("..")


def test_cells_are_cut_and_aligned() -> None:
    assert layout.row(("abcdefgh", 6), ("ab", -4), ("xyz", 1)) == "abcd..   ab x"


def test_buttons_telegram_would_refuse_are_left_out() -> None:
    fine, wide = layout.read("ok", "why", "SOLUSDT"), layout.read("no", "why", "X" * 80)
    assert layout.keyboard((fine, wide), (wide,)) == ((fine,),)
