"""A desk for chat tests: a journal in memory, a settable view, a clock that stands still."""

import asyncio
import html
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
import numpy as np
from mode_doors import FakeModes
from telegram_wire import T_S

from bot.desk import Health, Pulse
from bot.trades import Trade, TradeBook
from bot.views.layout import Text
from builders import T0, D, signal
from engine import config
from engine.chart import Picture
from engine.core.checks import BROKE, NEAR
from engine.core.events import AccountSeen, Command, Note
from engine.core.facts import (
    AnyFact,
    CommandDone,
    CommandRefused,
    NoticeSent,
    Record,
    SignalSkipped,
    SignalTaken,
)
from engine.core.settings import Settings
from engine.core.terms import ExitPlan
from engine.core.values import (
    Check,
    CheckStatus,
    GateName,
    Level,
    Ms,
    PositionState,
    Setup,
    Side,
    StopKind,
    Target,
    Verdict,
)
from engine.core.view import (
    CandlesView,
    FlowView,
    FunnelView,
    GateView,
    PositionView,
    Quote,
    SkippedView,
    TargetView,
    TradeView,
    View,
)
from engine.errors import ConfigError

FRAME_MS = 300_000
PNG = b"\x89PNG"
PULSE = Pulse(poll_age_s=1.0, outbox_depth=0, outbox_oldest_s=None, strangers=0, trouble="")

CHECKS = (
    Check("volume_24h", "ticker", CheckStatus.PASS, 8.2e6, 5e6),
    Check("atr15", "candle", CheckStatus.PASS, 1.9, (0.5, 12.0)),
    Check("volume", "candle", CheckStatus.FAIL, 1.12, 1.4),
    Check("spread", "ticker", CheckStatus.UNKNOWN, None, 30.0, "no quote yet"),
    Check("near", "candle", CheckStatus.PASS, 0.2, 0.5, is_advisory=True),
    Check("tpm", "micro", CheckStatus.EXCLUDED),
)


def level(side: Side = Side.LONG) -> Level:
    return Level(side, 102.2, 4, T0 - 36 * 3_600_000, T0, 199, 0.9)


def verdict(symbol: str = "ARBUSDT", **changes: object) -> Verdict:
    fields: dict[str, object] = {
        "symbol": symbol,
        "open_ms": T0 - FRAME_MS,
        "price": 102.0,
        "checks": CHECKS,
        "outcome": "FAILED",
        "blocked_by": "volume",
        "level": level(),
        "distance_pct": 0.41,
        "distance_atr": 0.8,
        "setup": Setup.MOMENTUM,
        "stage": BROKE,
        "score": 1.234,
    }
    return Verdict(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's


def position(number: int = 17, /, **changes: object) -> PositionView:
    """A protected long of 12.3 SOL, two thirds of an R ahead."""
    fields: dict[str, object] = {
        "id": number,
        "symbol": "SOLUSDT",
        "side": Side.LONG,
        "setup": Setup.MOMENTUM,
        "state": PositionState.PROTECTED,
        "qty": D("12.3"),
        "qty0": D("12.3"),
        "entry": D("182.44"),
        "mark": 184.0,
        "stop": D("179.85"),
        "stop_kind": StopKind.INITIAL,
        "breakeven": D("182.64"),
        "targets": (TargetView(1.5, D("186.22"), D("6.1"), "working"),),
        "unrealized": D("19.19"),
        "net_if_closed": D("16.70"),
        "move_r": 0.62,
        "mfe_r": 0.91,
        "mae_r": -0.18,
        "risk0_usd": D("31.4"),
        "funding": D(0),
        "level_price": 182.1,
        "opened_ms": T0 - 7_800_000,
        "signal_id": f"SOLUSDT:{T0}:MOMENTUM:LONG",
    }
    return PositionView(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's


def trade(number: int, net: str, closed_ms: Ms, **changes: object) -> TradeView:
    fields: dict[str, object] = {
        "position_id": number,
        "symbol": "SOLUSDT",
        "side": Side.LONG,
        "setup": Setup.MOMENTUM,
        "rule": "INITIAL",
        "qty": D(1),
        "entry": D(100),
        "gross": D(net) + D(1),
        "fees": D(1),
        "net": D(net),
        "result_r": float(net) / 30,
        "mfe_r": 1.0,
        "mae_r": -1.0,
        "opened_ms": closed_ms - 60_000,
        "closed_ms": closed_ms,
    }
    return TradeView(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's


def gate(name: GateName, why: str = "paused", by: str = "@u11 (11)") -> GateView:
    return GateView(name, T0 - 60_000, by, why, None)


def view(**changes: object) -> View:
    """An account with nothing open."""
    verdicts: Mapping[str, Verdict] = {"ARBUSDT": verdict(), "SOLUSDT": verdict("SOLUSDT")}
    fields: dict[str, object] = {
        "at_ms": T0,
        "mode": "paper",
        "instance": "alpha",
        "started_ms": T0 - 86_400_000,
        "boot": 2,
        "frame_s": 300,
        "gates": (),
        "balance": D(10_000),
        "equity": D("10412.55"),
        "day_start_equity": D("10285.24"),
        "open_risk_usd": D("34.5"),
        "risk_unit_usd": D("31.4"),
        "max_positions": 3,
        "day_loss_pct": -1.24,
        "drawdown_pct": 2.1,
        "losing_streak": 0,
        "risk_mult": 1.0,
        "risk_reduced_why": "",
        "refused": {"slots": 3, "gates(operator)": 1},
        "positions": (),
        "trades": (),
        "skipped": (SkippedView(T0 - 5000, "XRPUSDT:1:MOMENTUM:LONG", "slots"),),
        "universe": ("1000PEPEUSDT", "ARBUSDT", "SOLUSDT"),
        "verdicts": verdicts,
        "last_batch_ms": T0 - FRAME_MS - 38_000,
        "newest_quote_ms": T0 - 400,
        "stale_symbols": (),
        "funnel": FunnelView(T0 - 86_400_000, (187, 64, 41, 17, 6, 3, 2, 2), NEAR),
        "watched": ("SOLUSDT",),
        "preset": "breakout_v1",
    }
    return View(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's


HEALTH = Health(
    version="0.1.0",
    uptime_s=532_800.0,
    restarts=2,
    source="simulation, seed 7, 60x",
    stream_state="187 of 187 live",
    feed_age_ms=400,
    api_latency_ms=92.0,
    clock_skew_ms=3.0,
    errors=((T0 - 9000, "order_refused: too small"),),
)


def taken(number: int = 17, /, **changes: object) -> SignalTaken:
    fields: dict[str, object] = {
        "signal": signal(),
        "position_id": number,
        "qty": D(10),
        "limit": D("103.15"),
        "stop": D("101.48"),
        "targets": (Target(1.5, D("105.28"), D(5)),),
        "risk_usd": D("16.4"),
        "equity": D(10_000),
        "exits": ExitPlan(),
    }
    return SignalTaken(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's


def skipped(reason: str = "slots", check: str = "", **changes: object) -> SignalSkipped:
    return SignalSkipped(signal(**changes), reason, check)  # type: ignore[arg-type] # keys are the caller's


def body(text: Text) -> list[str]:
    """The fixed-width lines of a card."""
    return body_of({"text": text.html})


def body_of(said: Mapping[str, str]) -> list[str]:
    """The same of a message that was sent."""
    return [
        line
        for part in re.findall(r"<pre>(.*?)</pre>", said["text"], re.DOTALL)
        for line in html.unescape(part).split("\n")
    ]


def a_trade(**changes: object) -> Trade:
    book = TradeBook()
    book.fold(Record(1, T0, taken(17, **changes)))
    return book.trades[17]


class Clock:
    """Real time of a test: moves when told, or when the outbox waits."""

    def __init__(self) -> None:
        self.now = float(T_S)

    def __call__(self) -> float:
        return self.now


class FakeDesk:
    """The `Desk` port over a list of records; commands are answered from `replies`."""

    def __init__(self) -> None:
        self.now_real = Clock()
        self.shown = view()
        self.journal: list[Record] = []
        self.commands: list[Command] = []
        self.refusal = ""  # why the next commands are refused
        self.follow_up: list[AnyFact] = []  # facts of the turns after a command
        self.on_record: Callable[[Record], None] = lambda _record: None
        self.quotes: dict[str, Quote] = {"SOLUSDT": Quote(183.98, 184.0, 184.0, T0)}
        self.seen: AccountSeen | None = AccountSeen(D(10_000), (), (), ())
        self.history: CandlesView | None = candles()
        self.order_flow: FlowView | None = None
        self.pictures: list[Picture] = []
        self.chosen = Settings()  # in force
        self.configured: dict[str, Settings] = {}  # by preset; others are the settings in force
        self.misconfigured = ""  # what is wrong with every preset
        self.modes, self.now_health = FakeModes(), HEALTH
        self.rounds: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {}
        self._listeners: list[Callable[[Record], None]] = []

    def view(self) -> View:
        return self.shown

    def show(self, **changes: object) -> None:
        """Change the view."""
        self.shown = msgspec.structs.replace(self.shown, **changes)

    def candles(self, symbol: str, bars: int) -> CandlesView | None:
        del symbol, bars
        return self.history

    def quote(self, symbol: str) -> Quote | None:
        return self.quotes.get(symbol)

    def verdict(self, symbol: str) -> Verdict | None:
        return self.shown.verdicts.get(symbol)

    def flow(self, symbol: str) -> FlowView | None:
        del symbol
        return self.order_flow

    def settings(self) -> Settings:
        return self.chosen

    def preset(self, name: str, tuned: Mapping[str, str] | None = None) -> Settings:
        if self.misconfigured:
            raise ConfigError("settings", [self.misconfigured])
        if tuned is not None:
            return config.load(None, [], {}, name, tuned)
        return self.configured.get(name, self.chosen)

    def health(self) -> Health:
        return self.now_health

    def listen(self, callback: Callable[[Record], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    listening = property(lambda self: len(self._listeners))

    def records(self, after_seq: int) -> Iterable[Record]:
        return [r for r in self.journal if r.seq > after_seq]

    def tell(self, fact: AnyFact, at_ms: Ms | None = None) -> Record:
        """A fact becomes true: journal, listeners, notifier."""
        record = Record(len(self.journal) + 1, at_ms or self.shown.at_ms, fact)
        self.journal.append(record)
        for listener in tuple(self._listeners):
            listener(record)
        self.on_record(record)
        return record

    async def command(self, command: Command) -> tuple[Record, ...]:
        self.commands.append(command)
        verb, key, by = type(command).__name__.lower(), command.command_id, command.by
        if self.refusal:
            return (self.tell(CommandRefused(key, by, verb, self.refusal)),)
        done = self.tell(CommandDone(key, by, verb, f"{verb} is done"))
        if isinstance(command, Note):
            self.show(notes={**self.shown.notes, command.key: command.value})
        for fact in self.follow_up:
            self.tell(fact)
        return (done,)

    async def account(self) -> AccountSeen | None:
        return self.seen

    async def chart(self, picture: Picture) -> bytes:
        self.pictures.append(picture)
        return PNG

    async def every(self, name: str, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        self.rounds[name] = seconds, action
        await asyncio.Event().wait()

    def delivered(self, of_seq: int, chat_id: int, message_id: int) -> None:
        self.tell(NoticeSent(of_seq, chat_id, message_id))

    @property
    def told(self) -> list[tuple[int, int, int]]:
        """What was reported delivered: record, chat, message."""
        sent = [r.fact for r in self.journal if isinstance(r.fact, NoticeSent)]
        return [(f.of_seq, f.chat_id, f.message_id) for f in sent]


def candles(last_open_ms: Ms = T0, bars: int = 30) -> CandlesView:
    open_ms = np.arange(bars, dtype=np.int64) * FRAME_MS + (last_open_ms - (bars - 1) * FRAME_MS)
    ohlcv = np.tile(np.array([100.0, 101.0, 99.0, 100.5, 10.0]), (bars, 1))
    return CandlesView("SOLUSDT", 300, open_ms, ohlcv, (level(), level(Side.SHORT)))


async def settle() -> None:
    """Let every task that can run, run."""
    for _ in range(300):
        await asyncio.sleep(0)
