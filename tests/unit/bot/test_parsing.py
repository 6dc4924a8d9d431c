"""Words into symbols, shares and times: forgiving for reads, exact for money.

FT85, spoofed symbols and aliases:
    test_what_cannot_be_a_symbol_is_none
    test_a_symbol_is_its_own_or_nothing
    test_money_names_a_position_exactly, test_money_never_guesses
    test_a_verb_is_ascii
    the canonical name is shown before anything is done: test_commands_close.py
FT86, numbers:
    test_a_share_that_is_not_plain_is_refused_with_an_example
    test_a_count_that_is_not_plain_is_refused_with_an_example
    test_other_pauses_are_unclear
"""

from decimal import Decimal

import pytest
from desks import position

from bot import parsing
from bot.parsing import Unclear
from builders import T0

KNOWN = ("1000PEPEUSDT", "ARBUSDT", "ARKUSDT", "SOLUSDT", "SOLVUSDT")
NASTY = [
    "",
    "\u0412\u0422\u0421",  # Cyrillic letters that look like BTC
    "S\u041eL",
    "\uff33\uff2f\uff2c",  # full-width letters
    "\u0131nj",  # a dotless i, whose upper case is ASCII
    "SOLUSDT\u200b",
    "\u202eSOL",
    "BTCUSDT;DROP",
    "SOL'--",
    "SOL%",
    "SOL USDT",
    "x" * 300,
    "<b>",
    "..",
    "/",
    "-SOL",
    "SOL-",
    "S-O-L",
    "SOL//USDT",
    "SOL:evil",
    "SOL/USDT:USDC",
    "SOL/USDT:",
    "SOLUSDT\n",
]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("sol", ["SOLUSDT"]),
        ("SOLUSDT", ["SOLUSDT"]),
        ("SOL/USDT:USDT", ["SOLUSDT"]),
        ("sol-usdt", ["SOLUSDT"]),
        ("pepe", ["1000PEPEUSDT"]),
        ("solv", ["SOLVUSDT"]),
        ("so", ["SOLUSDT", "SOLVUSDT"]),
        ("ar", ["ARBUSDT", "ARKUSDT"]),
        ("arbb", ["ARBUSDT", "ARKUSDT"]),
        ("zzz", []),
    ],
)
def test_reads_are_forgiving(raw: str, expected: list[str]) -> None:
    assert parsing.find_symbols(raw, KNOWN) == expected


@pytest.mark.parametrize("raw", NASTY)
def test_what_cannot_be_a_symbol_is_none(raw: str) -> None:
    assert parsing.find_symbols(raw, KNOWN) == []
    assert parsing.find_position(raw, (position(),)) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("btcusdt", "BTCUSDT"),
        ("BTC/USDT", "BTCUSDT"),
        ("btc_usdt", "BTCUSDT"),
        ("BTC/USDT:USDT", "BTCUSDT"),
        ("1000PEPE", "1000PEPE"),
    ],
)
def test_a_symbol_is_its_own_or_nothing(raw: str, expected: str) -> None:
    assert parsing.canonical(raw) == expected


@pytest.mark.parametrize("raw", ["#17", "sol", "SOLUSDT", "SOL/USDT:USDT"])
def test_money_names_a_position_exactly(raw: str) -> None:
    held = position()
    assert parsing.find_position(raw, (held, position(18, symbol="SOLVUSDT"))) is held


@pytest.mark.parametrize(
    "raw", ["#19", "so", "17", "#", "#0x11", "#1\u0667", "solv", "PEPE", "PEPEUSDT"]
)
def test_money_never_guesses(raw: str) -> None:
    held = (position(), position(18, symbol="1000PEPEUSDT"))
    assert parsing.find_position(raw, held) is None


def test_numbers_of_positions() -> None:
    assert [parsing.position_number(x) for x in ("#17", "17", "#x")] == [17, None, None]


def test_numbers_of_signals() -> None:
    words = ("s1234", "S7", "s", "1234", "s12x", "s\u0661", "s1234567890123")
    assert [parsing.signal_number(x) for x in words] == [1234, 7, *[None] * 5]
    assert [parsing.is_count(x) for x in ("20", "0", "sol", "1e1", "1000pepe")] == [True] * 2 + [
        False
    ] * 3


@pytest.mark.parametrize(("raw", "expected"), [("50", "0.5"), ("1%", "0.01"), ("100", "1")])
def test_shares(raw: str, expected: str) -> None:
    assert parsing.share(raw) == Decimal(expected)


UNPLAIN = [
    "1,5",
    "1.5",
    "1.000",
    "1e9",
    "\uff10.\uff15",
    "\uff15\uff10",  # full-width 50
    "\u0665\u0660",  # Arabic 50
    "-1",
    "+50",
    "50%%",
    "%50",
    "50 %",
    "5_0",
    "0x10",
    "half",
    "",
    "0",
    "101",
    "1000",
    "nan",
]


@pytest.mark.parametrize("raw", UNPLAIN)
def test_a_share_that_is_not_plain_is_refused_with_an_example(raw: str) -> None:
    words = "a share is a whole percentage from 1 to 100, for example 50"
    with pytest.raises(Unclear, match=f"^{words}$"):
        parsing.share(raw)


@pytest.mark.parametrize("raw", ["10%", *UNPLAIN])
def test_a_count_that_is_not_plain_is_refused_with_an_example(raw: str) -> None:
    words = "a count is a whole number from 1 to 100, for example 10"
    with pytest.raises(Unclear, match=f"^{words}$"):
        parsing.count(raw, 100)


def test_a_plain_count() -> None:
    assert [parsing.count(raw, 100) for raw in ("1", "20", "100")] == [1, 20, 100]


@pytest.mark.parametrize("raw", ["30m", "4h", "2d"])
def test_pauses_by_length(raw: str) -> None:
    lengths = {"30m": 1_800_000, "4h": 14_400_000, "2d": 172_800_000}
    assert parsing.pause_end([raw], T0, "UTC") == T0 + lengths[raw]


@pytest.mark.parametrize(
    ("words", "zone", "minutes"),
    [("16:00", "UTC", 53.3333), ("8:00", "UTC", 1013.3333), ("12:00", "America/New_York", 53.3333)],
)
def test_pauses_until_a_wall_clock(words: str, zone: str, minutes: float) -> None:
    end = parsing.pause_end(["until", words], T0, zone)  # T0 is 15:06:40 UTC
    assert end is not None
    assert (end - T0) / 60_000 == pytest.approx(minutes, abs=0.001)


def test_no_words_pause_without_end() -> None:
    assert parsing.pause_end([], T0, "UTC") is None


@pytest.mark.parametrize(
    "words",
    [
        ["x"],
        ["until", "24:00"],
        ["4h", "5m"],
        ["31d"],
        ["0h"],
        ["1,5h"],
        ["1.5h"],
        ["-1h"],
        ["1e1h"],
        ["\uff14h"],
        ["4"],
    ],
)
def test_other_pauses_are_unclear(words: list[str]) -> None:
    with pytest.raises(Unclear, match="a pause is written 30m, 4h, 2d"):
        parsing.pause_end(words, T0, "UTC")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("/Why sol", ("why", "", ("sol",))),
        ("/stop@break_bot", ("stop", "break_bot", ())),
        ("hello /stop", ("", "", ())),
        ("/", ("", "", ())),
        ("", ("", "", ())),
        ("  /p  #17 ", ("p", "", ("#17",))),
    ],
)
def test_a_message_is_split(words: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    assert parsing.split(words) == expected


def test_a_verb_is_ascii() -> None:
    assert parsing.split("/ri\u017f\u212a now") == ("ri\u017f\u212a", "", ("now",))
    assert parsing.split("/STOP") == ("stop", "", ())
