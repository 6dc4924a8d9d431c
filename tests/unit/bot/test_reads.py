"""Every command that reads answers in every state of the desk, and says how old its numbers are."""

from collections.abc import Mapping

import pytest
from desks import FakeDesk, gate, position, trade
from talk import talking
from telegram_wire import OWNER, VIEWER

from bot.commands import TABLE
from bot.gate import Role
from bot.sandbox.markup import written
from bot.verbs import Stale, Verb
from bot.views import layout
from builders import T0
from engine.core.values import GateName, PositionState
from engine.core.view import FunnelView

NOTHING: dict[str, object] = {
    "equity": None, "day_start_equity": None, "risk_unit_usd": None, "day_loss_pct": None,
    "drawdown_pct": None, "universe": (), "verdicts": {}, "watched": (), "last_batch_ms": None,
    "newest_quote_ms": None, "funnel": FunnelView(0, (0,) * 8, None), "refused": {}, "skipped": (),
    "gates": (gate(GateName.STALE_DATA), gate(GateName.UNRECONCILED)), "preset": "",
}  # fmt: skip
BARE = position(
    17, mark=None, stop=None, unrealized=None, net_if_closed=None, move_r=None, mfe_r=None,
    mae_r=None, state=PositionState.EXPOSED,
)  # fmt: skip
DOWN: dict[str, object] = {
    "equity": None, "newest_quote_ms": T0 - 900_000, "positions": (BARE,),
    "gates": (gate(GateName.EXCHANGE_DOWN), gate(GateName.STALE_DATA)),
    "stale_symbols": ("SOLUSDT", "ARBUSDT", "1000PEPEUSDT"),
}  # fmt: skip
CROWD: dict[str, object] = {
    "positions": tuple(position(n, symbol=f"{n}LONGNAMEDCOINUSDT") for n in range(1, 31)),
    "trades": tuple(
        trade(n, str(n % 7 - 3), T0 - n * 40_000_000, symbol=f"C{n % 40}USDT")
        for n in range(500, 0, -1)
    ),
}
DESKS: Mapping[str, dict[str, object]] = {
    "nothing loaded": NOTHING,
    "exchange down": DOWN,
    "panicked": {"gates": (gate(GateName.KILL_SWITCH, "panic"), gate(GateName.OPERATOR))},
    "paused": {"gates": (gate(GateName.OPERATOR),)},
    "many positions": CROWD,
}
READS = [verb for verb in TABLE if verb.stale is Stale.SKIP]
WORDS = {
    "positions": ("", "#17", "sol"), "signals": ("", "5", "sol"), "scan": ("", "3"),
    "why": ("", "sol", "#17", "s3"), "chart": ("", "sol"), "levels": ("", "sol"),
    "pnl": ("", "today", "30d week", "all", "month", "chart", "chart 7d"),
    "help": ("", "money", "close", "zz"),
    "trades": ("", "3", "sol", "#17", "p9", "csv"),
    "stats": ("", "symbol", "setup", "by exit", "hour", "side", "histogram"),
    "logs": ("", "5", "errors", "sol", "file"), "export": ("", "trades", "all 7d", "config"),
}  # fmt: skip


@pytest.mark.parametrize("state", DESKS)
@pytest.mark.parametrize("verb", READS, ids=lambda v: v.name)
async def test_reads_answer_in_every_state(verb: Verb, state: str) -> None:
    desk = FakeDesk()
    desk.show(**DESKS[state])
    if state == "nothing loaded":
        desk.history = None
    async with talking(desk) as talk:
        for words in WORDS.get(verb.name, ("",)):
            said = await talk.say(f"/{verb.name} {words}".strip(), OWNER)
            html = said.get("text") or said.get("caption", "")
            assert html, words
            assert "Something went wrong" not in html
            assert "Usage:" not in html
            _check(said, html)
        assert desk.commands == []


def _check(said: dict[str, object], html: str) -> None:
    plain = written(html, "HTML")
    assert layout.units(plain.text) <= (1024 if "caption" in said else 4096)
    assert len(plain.entities) <= 90
    for block in html.split("<pre>")[1:]:
        for line in layout.plain(block.partition("</pre>")[0]).split("\n"):
            assert len(line) <= layout.WIDTH
            assert line.isascii()
    markup = said.get("reply_markup")
    rows = markup["inline_keyboard"] if isinstance(markup, dict) else []
    for row in rows:
        assert 1 <= len(row) <= 8
        assert all(1 <= len(b["callback_data"].encode()) <= 64 for b in row)


@pytest.mark.parametrize(
    "verb", ["status", "positions", "scan", "levels", "pnl", "balance", "risk"]
)
async def test_old_numbers_say_how_old_they_are(verb: str) -> None:
    words = f"/{verb} sol" if verb == "levels" else f"/{verb}"
    desk = FakeDesk()
    async with talking(desk) as talk:
        assert "as of" not in (await talk.say(words, VIEWER))["text"]
        desk.show(**DOWN)
        said = (await talk.say(words, VIEWER))["text"]
        stamp = f'prices as of <tg-time unix="{T0 // 1000 - 900}" format="T">'
        assert stamp in said
        assert "; account as of <tg-time" in said
        desk.show(newest_quote_ms=None)
        assert "no price has come yet" in (await talk.say(words, VIEWER))["text"]
        desk.show(newest_quote_ms=T0 - 50_000_000, gates=())
        assert 'format="dt"' in (await talk.say(words, VIEWER))["text"].rpartition("as of")[2]


async def test_a_chart_says_it_too() -> None:
    desk = FakeDesk()
    desk.show(**DOWN)
    async with talking(desk) as talk:
        assert "prices as of" in (await talk.say("/chart sol"))["caption"]
        desk.history = None
        assert "No candles" in (await talk.say("/chart sol"))["text"]


def test_reads_of_a_viewer_are_open_to_all_and_logs_to_owners_alone() -> None:
    owners = {verb.name for verb in READS if verb.role is Role.OWNER}
    assert owners == {"logs", "export"}
