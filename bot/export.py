"""Trades, signals, settings and log as documents a spreadsheet or an editor opens.

They exist so that nothing of ours is locked up in the chat. No document may hold a secret, nor a
cell that a spreadsheet would run.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from bot.signals import Heard
from bot.views import words
from engine import log
from engine.config import effective
from engine.core.facts import PositionClosed, PositionOpened, Record, SignalTaken
from engine.core.settings import Settings
from engine.core.values import Ms
from engine.core.view import TradeView

TRADES = (
    "id", "symbol", "side", "setup", "rule", "opened", "closed", "entry", "qty", "gross", "fees",
    "funding", "net", "r", "mfe_r", "mae_r",
)  # fmt: skip
SIGNALS = (
    "seq", "at", "symbol", "side", "setup", "price", "trigger", "stop", "taken", "position",
    "became",
)  # fmt: skip
_RUNS = ("=", "+", "-", "@", "\t", "\r")  # a cell of words that begins so is a formula


class TradeRows:
    """Records in, closed trades out: what the journal says of each, however old."""

    def __init__(self) -> None:
        self._taken: dict[int, SignalTaken] = {}
        self._opened: dict[int, PositionOpened] = {}

    def take(self, record: Record) -> TradeView | None:
        """The trade this record closes, if it closes one whose beginning was seen."""
        match record.fact:
            case SignalTaken() as fact:
                self._taken[fact.position_id] = fact
            case PositionOpened() as fact:
                self._opened[fact.position_id] = fact
            case PositionClosed() as fact:
                return self._close(fact, record.at_ms)
        return None

    def _close(self, fact: PositionClosed, at_ms: Ms) -> TradeView | None:
        taken = self._taken.pop(fact.position_id, None)
        opened = self._opened.pop(fact.position_id, None)
        if taken is None or opened is None:
            return None
        return TradeView(
            position_id=fact.position_id,
            symbol=fact.symbol,
            side=fact.side,
            setup=taken.signal.setup,
            rule=fact.rule,
            qty=opened.qty0,
            entry=opened.entry,
            gross=fact.gross,
            fees=fact.fees,
            net=fact.net,
            result_r=fact.result_r,
            mfe_r=fact.mfe_r,
            mae_r=fact.mae_r,
            opened_ms=fact.opened_ms,
            closed_ms=at_ms,
            funding=fact.funding,
        )


def trades_csv(trades: Iterable[TradeView]) -> bytes:
    """One closed trade a line, oldest first."""
    rows = (
        (
            t.position_id, t.symbol, t.side, t.setup, words.end(t.rule), _iso(t.opened_ms),
            _iso(t.closed_ms), t.entry, t.qty, t.gross, t.fees, t.funding, t.net, t.result_r,
            t.mfe_r, t.mae_r,
        )
        for t in trades
    )  # fmt: skip
    return _table(TRADES, rows)


def signals_csv(heard: Iterable[Heard]) -> bytes:
    """One signal a line, taken or not, oldest first."""
    return _table(SIGNALS, (_signal(one) for one in heard))


def _signal(heard: Heard) -> tuple[object, ...]:
    fact, signal = heard.fact, heard.signal
    number = fact.position_id if isinstance(fact, SignalTaken) else ""
    return (
        heard.seq, _iso(heard.at_ms), signal.symbol, signal.side, signal.setup, signal.price,
        signal.trigger, signal.stop, "yes" if number else "no", number, words.became(fact),
    )  # fmt: skip


def config_toml(settings: Settings) -> bytes:
    """Every key in force; addresses pass the redactor, secrets never stand there."""
    return log.cleaned("\n".join(effective(settings)) + "\n").encode()


def log_text() -> bytes:
    """The lines of the log that are remembered, which passed the redactor."""
    return "".join(f"{line}\n" for line in log.recent()).encode()


def packed(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Several documents as one archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return buffer.getvalue().encode()


def _harmless(cell: object) -> object:
    """Words that a spreadsheet would take for a formula are quoted; numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(_RUNS):
        return f"'{cell}"
    return cell


def _iso(at_ms: Ms) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
