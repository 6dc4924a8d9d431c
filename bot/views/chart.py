"""What is in the picture of a market, of a trade and of a signal, and the words under it.

They exist so that a picture shows what decided: candles that closed, levels with the touches that
were counted, the prices that were planned or paid. They must never compute a level anew, and what
candles no longer tell is left out and said.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from bot.trades import Trade
from bot.views import words
from bot.views.layout import (
    Button,
    Text,
    badge,
    decimals,
    in_r,
    keyboard,
    percent,
    price,
    read,
    short,
    turn,
    when,
)
from engine.chart import CandleChart, Line, Mark, frame_name, merged
from engine.core.levels import touches_of
from engine.core.market import DEPTH
from engine.core.settings import Levels
from engine.core.values import Level, Ms, Setup, Side
from engine.core.view import CandlesView, PositionView

CHART_BARS = 96  # of one picture: more would be too thin for a phone
BARS_KEPT = 2 * DEPTH  # the engine never has more
FRAMES_S = (60, 180, 300, 900, 3600, 14_400)
LEVELS_A_SIDE = 3
LEVELS_BESIDE = 1  # a side, beside a trade and its own level
TOUCHES_BELOW_S = 3600  # inside of longer candles they cannot be told apart
AFTER = 24  # candles after the end of a trade


class Scene(msgspec.Struct, frozen=True, eq=False):
    """What a chart is made of; a trade that is open comes with its position."""

    candles: CandlesView  # of the base frame, at least one
    mode: str
    rules: Levels  # by which levels are found
    frame_s: int
    position: PositionView | None = None
    trade: Trade | None = None

    @property
    def name(self) -> str:
        """What to ask for to see it again."""
        if self.position is None and self.trade is not None:
            return f"#{self.trade.taken.position_id}"
        return self.candles.symbol


def frames_of(base_s: int) -> dict[str, int]:
    """The timeframes that whole base candles make, by name."""
    return {frame_name(s): s for s in FRAMES_S if s >= base_s and s % base_s == 0}


def chart(scene: Scene) -> CandleChart:
    """The picture behind `/chart`."""
    view, trade = scene.candles, scene.trade
    candles = merged(view.open_ms, view.ohlcv, view.frame_s, scene.frame_s)
    end, closed_ms = len(candles.open_ms), _closed_ms(scene)
    if closed_ms is not None:
        last_ms = closed_ms + AFTER * scene.frame_s * 1000
        end = int(np.searchsorted(candles.open_ms, last_ms, side="right"))
    begin = max(end - CHART_BARS, 0)
    is_newest = end == len(candles.open_ms)
    return CandleChart(
        symbol=view.symbol,
        frame_s=scene.frame_s,
        open_ms=candles.open_ms[begin:end],
        ohlcv=candles.ohlcv[begin:end],
        lines=_lines(scene),
        marks=() if trade is None else _marks(trade),
        side=_side(scene),
        mode=scene.mode,
        words=_words(scene),
        opened_ms=_opened_ms(scene),
        closed_ms=closed_ms,
        at_ms=candles.closed_ms if is_newest else None,
    )


def is_told(scene: Scene) -> bool:
    """Whether the candles reach back into the trade's time."""
    closed_ms = _closed_ms(scene)
    return closed_ms is None or closed_ms >= int(scene.candles.open_ms[0])


def _closed_ms(scene: Scene) -> Ms | None:
    """When the trade was flat; None while it is not."""
    trade = scene.trade
    if trade is None or trade.closed is None or not trade.fills:
        return None
    return trade.fills[-1].exchange_ms


def _side(scene: Scene) -> Side | None:
    if scene.position is not None:
        return scene.position.side
    return None if scene.trade is None else scene.trade.side


def _opened_ms(scene: Scene) -> Ms | None:
    if scene.trade is not None and scene.trade.fills:
        return scene.trade.fills[0].exchange_ms
    return None if scene.position is None else scene.position.opened_ms


def _words(scene: Scene) -> str:
    position, trade = scene.position, scene.trade
    if position is not None:
        setup = words.SETUPS[position.setup]
        return f"{setup} #{position.id} · {in_r(position.move_r)}"
    if trade is not None:
        result = "" if trade.closed is None else f" · closed {in_r(trade.closed.result_r)}"
        return f"{words.SETUPS[trade.taken.signal.setup]} #{trade.taken.position_id}{result}"
    last = float(scene.candles.ohlcv[-1, 3])
    said = [f"last {price(last, _digits(scene.candles.ohlcv))}"]
    said += [f"level {percent((x.price - last) / last * 100)}" for x in scene.candles.levels[:1]]
    return " · ".join(said)


def _digits(ohlcv: NDArray[np.float64]) -> int:
    """Decimals of the last few candles' prices."""
    return decimals(*ohlcv[-20:, :4].ravel().tolist())


def _lines(scene: Scene) -> tuple[Line, ...]:
    own = [] if scene.trade is None else [_own_level(scene.candles, scene.trade, scene.rules)]
    lines = _all_lines(scene, own)
    if scene.frame_s < TOUCHES_BELOW_S:
        return lines
    return tuple(msgspec.structs.replace(line, touches=()) for line in lines)


def _all_lines(scene: Scene, own: list[Line]) -> tuple[Line, ...]:
    if scene.position is not None:
        near = _near(scene, LEVELS_BESIDE, {line.price for line in own})
        return (*near, *own, *_position_lines(scene.position))
    if scene.trade is not None:
        return (*own, *_trade_lines(scene.trade))
    return tuple(_near(scene, LEVELS_A_SIDE, set()))


def _near(scene: Scene, a_side: int, but: set[float]) -> list[Line]:
    """The nearest levels of each side; they come nearest first."""
    kept: dict[Side, list[Level]] = {Side.LONG: [], Side.SHORT: []}
    for level in scene.candles.levels:
        if len(kept[level.side]) < a_side and level.price not in but:
            kept[level.side].append(level)
    candles, rules = scene.candles, scene.rules
    return [
        Line(
            x.price,
            f"{x.touches} hits",
            "level",
            touches_of(x, candles.open_ms, candles.ohlcv, rules),
        )
        for x in kept[Side.LONG] + kept[Side.SHORT]
    ]


def _own_level(candles: CandlesView, trade: Trade, rules: Levels) -> Line:
    """The level that was broken, as it stood before the bar that broke it."""
    signal = trade.taken.signal
    broke_ms = signal.break_ms
    if broke_ms is None and signal.setup is Setup.MOMENTUM:
        broke_ms = signal.open_ms
    before = 0 if broke_ms is None else int(np.searchsorted(candles.open_ms, broke_ms))
    part = candles.open_ms[:before], candles.ohlcv[:before]
    touches = touches_of(signal.level, *part, rules) if before else ()
    return Line(signal.level.price, "level", "level", touches)


def _position_lines(position: PositionView) -> list[Line]:
    lines = []
    if position.entry is not None:
        lines.append(Line(float(position.entry), "entry", "entry"))
    if position.stop is not None:
        lines.append(Line(float(position.stop), "stop", "stop"))
    working = [t for t in position.targets if t.state not in ("filled", "taken", "cut")]
    return lines + [Line(float(t.price), f"{t.r:g}R", "target") for t in working]


def _trade_lines(trade: Trade) -> list[Line]:
    """As planned, or as fixed by the real entry."""
    fact, opened = trade.taken, trade.opened
    entry = fact.signal.price if opened is None else float(opened.entry)
    targets = fact.targets if opened is None else opened.targets
    return [
        Line(entry, "entry", "entry"),
        Line(float(fact.stop), "stop", "stop"),
        *(Line(float(t.price), f"TP{i}", "target") for i, t in enumerate(targets, 1)),
    ]


def _marks(trade: Trade) -> tuple[Mark, ...]:
    return tuple(Mark(f.exchange_ms, float(f.price), f.side) for f in trade.fills)


def signal_chart(
    candles: CandlesView, mode: str, trade: Trade, rules: Levels
) -> CandleChart | None:
    """The picture of a signal, as of the bar that decided; None when that bar is not there.

    It is made of candles up to that bar and of what was recorded with it: later ones change
    nothing.
    """
    fact, signal = trade.taken, trade.taken.signal
    end = int(np.searchsorted(candles.open_ms, signal.open_ms, side="right"))
    is_same_frame = fact.frame_s in (0, candles.frame_s)
    if end == 0 or int(candles.open_ms[end - 1]) != signal.open_ms or not is_same_frame:
        return None
    planned = Trade(fact, trade.taken_seq)
    part = slice(max(end - CHART_BARS, 0), end)
    return CandleChart(
        symbol=candles.symbol,
        frame_s=candles.frame_s,
        open_ms=candles.open_ms[part],
        ohlcv=candles.ohlcv[part],
        lines=(_own_level(candles, planned, rules), *_trade_lines(planned)),
        side=signal.side,
        mode=mode,
        words=f"{words.SETUPS[signal.setup]} #{fact.position_id}",
        opened_ms=signal.open_ms + candles.frame_s * 1000,
    )


def caption(scene: Scene, picture: CandleChart) -> Text:
    """The words under a chart, and the way to the other timeframes."""
    frame, last = frame_name(scene.frame_s), float(picture.ohlcv[-1, 3])
    who = f"<b>{short(picture.symbol, 30)}</b> {frame}"
    shown = price(last, _digits(picture.ohlcv))
    end_ms = int(picture.open_ms[-1]) + picture.frame_s * 1000
    at_ms = end_ms if picture.at_ms is None else picture.at_ms
    said = [f"📊 {who} · {badge(scene.mode)}", f"Last close {shown} at {when(at_ms)}"]
    said += [f"<i>{note}</i>" for note in _notes(scene, picture, is_growing=at_ms < end_ms)]
    ways = (read("📐 Levels", "levels", picture.symbol), read("❓ Why", "why", _asked(scene)))
    return Text("\n".join(said), keyboard(_frames(scene), ways))


def _asked(scene: Scene) -> str:
    return scene.name if scene.trade is None else f"#{scene.trade.taken.position_id}"


def _frames(scene: Scene) -> list[Button]:
    names = frames_of(scene.candles.frame_s).items()
    return [
        turn(f"• {name} •" if s == scene.frame_s else name, "chart", scene.name, name)
        for name, s in names
    ]


def _notes(scene: Scene, picture: CandleChart, *, is_growing: bool) -> list[str]:
    """What the picture cannot show."""
    notes, base = [], frame_name(scene.candles.frame_s)
    if is_growing:
        notes.append("The last candle is still growing.")
    shown, opened_ms = len(picture.open_ms), picture.opened_ms
    if shown < CHART_BARS and scene.frame_s != scene.candles.frame_s:
        kept = len(scene.candles.open_ms)
        notes.append(f"Only {shown} candles: {kept} of {base} are kept.")
    if opened_ms is not None and opened_ms < int(picture.open_ms[0]):
        notes.append("The trade began before the first candle.")
    return notes
