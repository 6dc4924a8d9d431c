"""One recording judged in two ways: by a bot at an exchange that replays it, and by a scan.

A chat rounds, so what a person reads is compared as text; the verdicts of an engine that got its
candles over the exchange's wire are compared to the last bit.
"""

import html
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from programs import Message, Person, person_at, running
from recordings import ENDS_MS, invented, write_folder

from bot.views import checks
from builders import D
from engine.candles import read_histories
from engine.config import of_preset
from engine.core import events as e
from engine.core import intents as i
from engine.core import settings as keys
from engine.core.checks import CANDLE_ONLY, KINDS
from engine.core.engine import Engine
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.terms import Sim
from engine.core.values import Check, CheckStatus, Ms, Setup, Verdict
from engine.live.reader import BybitReader
from engine.scanning import Scan, scan
from engine.sim.recorded import load
from engine.sim.venue import Venue
from markets import DATA
from serving import serving

pytestmark = pytest.mark.e2e

MINUTES = 3400  # half of it lies before the moment at which a sandbox begins
AHEAD_MS = 1705 * 60_000  # and this much after it
CONFIG = f"""
[checks]
excluded = {json.dumps(CANDLE_ONLY)}
"""
ASKED = 6  # markets one by one: a chat takes its time
CHANGING = ("volume 24h", "bar age")  # a ticker is of its moment, and nobody judges in no time
STAGES = (
    "markets seen",
    "liquid enough",
    "in volatility band",
    "near a level",
    "broke the level",
    "breakout confirmed",
)


# -- the chat's text, read in one place ----------------------------------------------------------


def table_of(card: Message) -> list[str]:
    """Lines of a card that stand in fixed width."""
    found = re.search(r"<pre>(.*?)</pre>", card["html"], re.DOTALL)
    assert found is not None, card["text"]
    return html.unescape(found[1]).split("\n")


def shown(lines: Iterable[str]) -> list[str]:
    """The lines without values of what changes with every moment."""
    cells = ((line[:11].rstrip(), line[11:20], line[20:].rstrip()) for line in lines)
    told = ((name, "" if name in CHANGING else value, rest) for name, value, rest in cells)
    return [" ".join(parts) for parts in told]


def check_of(told: dict[str, Any]) -> Check:
    """A check as the kernel had it, from its JSON."""
    need = tuple(told["need"]) if isinstance(told["need"], list) else told["need"]
    names = told["name"], KINDS[told["name"]].group, CheckStatus(told["result"])
    return Check(*names, told["value"], need, told["reason"], told["advisory"])


def counts_of(card: Message) -> dict[str, int]:
    """Name and first number of each line."""
    cells = (re.fullmatch(r"(\S.*?)\s{2,}(\d+)\b.*", line) for line in table_of(card))
    return {cell[1]: int(cell[2]) for cell in cells if cell is not None}


def stages_of(told: dict[str, Any]) -> dict[str, int]:
    """What the card of all markets must count: how far they came."""
    return dict(zip(STAGES, (stage["left"] for stage in told["funnel"]), strict=True))


# -- processes -----------------------------------------------------------------------------------


async def scanned(*arguments: str) -> dict[str, Any]:
    """What `engine scan` says, as JSON."""
    async with running("engine", "scan", "--json", "-", *arguments) as program:
        assert await program.ended() == 0, program.lines
    return dict(json.loads(program.lines[-1]))


async def first_card(person: Person, symbol: str) -> None:
    """Wait for the first verdicts: asked again and again, each time when it answered."""
    while True:
        card = await person.answer(f"/why {symbol}")
        if card["text"].startswith(f"❓ {symbol}") and "<pre>" in card["html"]:
            return


async def check_row(person: Person, row: dict[str, Any]) -> None:
    """A market's card against its row; a signal's card goes on with what risk said."""
    card = await person.answer(f"/why {row['symbol']}", f"❓ {row['symbol']}")
    found = [check_of(told) for told in row["checks"]]
    expected = shown(checks.table(found, Setup(row["setup"]), tuple(Setup)))
    said = shown(table_of(card))
    if row["outcome"] == "SIGNAL":
        said = [line for line in said if line in expected]
    assert said == expected
    assert checks.excluded(found) in card["text"]


async def agree(data: Path, tmp_path: Path, at_ms: Ms) -> dict[str, Any]:
    """A sandbox at the first moment of a recording, and a scan there; what that says."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG, encoding="utf-8")
    common = ["--data", str(data), "--config", str(config)]
    told = await scanned(*common, "--at", str(at_ms))
    own = ["--state-dir", str(tmp_path / "state"), "--port", "0", "--speed", "1"]
    async with (
        running("bot", "--sandbox", *own, *common) as program,
        person_at(await program.address()) as person,
    ):
        await first_card(person, told["rows"][0]["symbol"])
        for row in told["rows"][:ASKED]:
            await check_row(person, row)
        counts = counts_of(await person.answer("/why", "Why so few trades"))
    assert told["at_ms"] == at_ms
    assert counts.items() >= stages_of(told).items()
    return told


async def test_the_chat_says_what_a_scan_says(tmp_path: Path) -> None:
    data, at_ms = tmp_path / "candles", ENDS_MS + 300_000
    data.mkdir()
    write_folder(data, invented(MINUTES, at_ms + AHEAD_MS))
    told = await agree(data, tmp_path, at_ms)
    assert {row["outcome"] for row in told["rows"]} == {"FAILED", "QUIET"}
    assert told["funnel"][4]["left"] > 0


@pytest.mark.parametrize("name", ["bybit_linear_5m_8x99d.npz", "binance_usdm_1m_160x6d.npz"])
async def test_the_chat_says_what_a_scan_of_a_recorded_market_says(
    tmp_path: Path, name: str
) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not beside this repository")
    await agree(DATA / name, tmp_path, load(DATA / name, 1).begin_ms)


# -- the engine behind the exchange's wire -------------------------------------------------------


async def lived(data: Path, settings: Settings, at_ms: Ms) -> Engine:
    """An engine whose every answer came from an exchange that replays the recording."""
    async with serving(Venue(load(data, 1), start_ms=at_ms)) as url:
        exchange = keys.Exchange(rest_url=url)
        reader = BybitReader(exchange, settings.market.frame_s, Sim())
        engine = Engine(settings, Ledger(), "paper")
        events: list[e.Event] = [e.Started("test", "paper", was_clean=True, balance=D(10_000))]
        for event in events:  # grows while it is walked
            for intent in engine.step(at_ms, event).intents:
                events += await answers(reader, intent)
        await reader.close()
    return engine


async def answers(reader: BybitReader, intent: i.Intent) -> list[e.Event]:
    match intent:
        case i.FetchInstruments():
            return [await reader.instruments()]
        case i.FetchTickers():
            return [await reader.tickers()]
        case i.FetchHistory():
            return [await reader.history(intent.symbol, intent.since_ms)]
        case _:
            return []


def plain(verdict: Verdict) -> Verdict:
    """Without what risk said, and without the one value that is of the ticker's moment."""
    shown = [
        msgspec.structs.replace(c, value=None) if c.name == "volume_24h" else c
        for c in verdict.checks
        if c.group != "risk"
    ]
    if verdict.outcome == "REFUSED":  # by the gates: nobody compared an account here
        verdict = msgspec.structs.replace(verdict, outcome="SIGNAL", blocked_by=None)
    return msgspec.structs.replace(verdict, checks=shown)


async def compare(data: Path, settings: Settings, at_ms: Ms | None) -> Scan:
    """Judge both ways; what the scan says, which is what the engine says."""
    found = scan(read_histories(data, settings.market.frame_s), settings, at_ms)
    engine = await lived(data, found.settings, found.at_ms)
    view = engine.view()
    assert set(view.verdicts) == {verdict.symbol for verdict in found.verdicts}
    for verdict in found.verdicts:
        said = engine.verdict(verdict.symbol)
        assert said is not None
        assert plain(said) == plain(verdict)
        candles = engine.candles(verdict.symbol, 300)
        assert candles is not None
        assert candles.levels == found.levels[verdict.symbol]
    assert view.funnel.reached[:6] == tuple(stage.left for stage in found.funnel)
    best = [v.symbol for v in found.verdicts if v.rank is not None]
    assert list(view.watched) == best
    return found


@pytest.mark.parametrize("name", ["breakout_v1", "breakout_v1_relaxed", "high_percent_breakout"])
async def test_an_engine_on_the_wire_says_what_a_scan_says(tmp_path: Path, name: str) -> None:
    whole = invented(2400)
    rng = np.random.default_rng(5)
    whole.candles[..., 4] *= rng.uniform(0.5, 1.5, whole.candles.shape[:2])  # no lots any more
    whole.candles[3, 1000] = np.nan
    write_folder(tmp_path, whole)
    found = await compare(tmp_path, of_preset(name), ENDS_MS)
    assert len(found.verdicts) == len(whole.symbols)
    assert found.funnel[4].left > 0


RECORDED = (
    ("bybit_linear_5m_8x99d.npz", 300, 1_760_130_600_000),  # before the crash of 2025-10-10
    ("bybit_linear_5m_8x99d.npz", 900, 1_760_130_900_000),
    ("binance_usdm_1m_8x30d.npz", 300, 1_748_000_000_000),
    ("binance_usdm_1m_160x6d.npz", 300, 1_750_600_000_000),
    ("binance_usdm_1m_160x6d.npz", 60, 1_750_600_000_000),
)


@pytest.mark.parametrize(("name", "frame_s", "at_ms"), RECORDED)
async def test_recorded_markets_are_judged_alike(name: str, frame_s: int, at_ms: Ms) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not beside this repository")
    frame = msgspec.structs.replace(Settings().market, frame_s=frame_s)
    settings = msgspec.structs.replace(Settings(), market=frame)
    found = await compare(DATA / name, settings, at_ms)
    assert found.funnel[2].left > 0
