"""Which markets are watched, and which bars are ready to be judged.

It exists so that a batch of candles is judged once, complete or after its grace, and so that a gap
is filled before anything is decided over it. It must never judge a bar twice.
"""

from collections.abc import Iterable

import msgspec

from engine.core import events as e
from engine.core import facts as f
from engine.core.intents import FetchHistory, FetchInstruments, FetchTickers, Subscribe
from engine.core.market import Append
from engine.core.turn import Turn
from engine.core.universe import choose_universe
from engine.core.values import Bar, Instrument, Ms, Ticker

HISTORY_BARS = 400  # the 300 the strategy looks back on, and room for charts
ASK_AGAIN_MS: Ms = 10_000


class Watch:
    """Universe, histories on the way, and the batch of the newest bar."""

    def __init__(self, frame_ms: Ms) -> None:
        self._frame_ms = frame_ms
        self._tickers: tuple[Ticker, ...] = ()
        self._instruments: tuple[Instrument, ...] = ()
        self.tradable: frozenset[str] = frozenset()  # chosen; a held symbol is followed, no more
        self._asked_ms: Ms = 0  # when the tickers were asked for
        self._loading: dict[str, Ms] = {}  # symbol -> when its history was asked for
        self._batch: dict[Ms, set[str]] = {}  # open time -> symbols waiting to be judged
        self.newest_ms: Ms | None = None  # open time of the newest judged bar

    def look(self, turn: Turn) -> None:
        """Ask for what the universe is chosen from when it is missing or old."""
        waited_ms = turn.at_ms - self._asked_ms
        read_ms = turn.market.tickers_ms
        is_old = read_ms is None or turn.at_ms - read_ms >= turn.settings.universe.refresh_s * 1000
        if waited_ms < ASK_AGAIN_MS or (self._instruments and not is_old):
            return
        self._asked_ms = turn.at_ms
        if is_old:
            turn.ask(FetchTickers())
        if not self._instruments:
            turn.ask(FetchInstruments())

    def refresh(self, turn: Turn) -> None:
        """Choose the universe anew from a fresh look at the market."""
        self._choose(turn)
        self._asked_ms = turn.at_ms
        turn.ask(FetchTickers())

    def instruments(self, turn: Turn, event: e.InstrumentsLoaded) -> None:
        """Trading rules arrived; those of what we hold stay known, whatever the list says."""
        listed = {i.symbol for i in event.instruments}
        held = (turn.market.instrument(p.symbol) for p in turn.ledger.positions)
        kept = [i for i in held if i is not None and i.symbol not in listed]
        for position in turn.ledger.positions:
            if position.symbol not in listed:
                words = f"#{position.id} {position.symbol} is not listed any more: close it"
                turn.alarm(f.Incident("delisted", words, position.symbol))
        turn.market.set_instruments((*event.instruments, *kept))
        self._instruments = event.instruments
        self._choose(turn)

    def tickers(self, turn: Turn, event: e.TickersLoaded) -> None:
        """A fresh look at the whole market."""
        turn.market.set_tickers(event.tickers, turn.at_ms)
        self._tickers = event.tickers
        self._choose(turn)

    def _choose(self, turn: Turn) -> None:
        if not self._tickers or not self._instruments:
            return
        market, universe = turn.market, turn.settings.universe
        never = (*universe.blacklist, *turn.ledger.state.barred)
        universe = msgspec.structs.replace(universe, blacklist=never)
        chosen = choose_universe(self._tickers, self._instruments, universe)
        self.tradable = frozenset(chosen)
        followed = tuple(s for s in self._followed(turn) if s not in self.tradable)
        if (*chosen, *followed) == market.universe:
            return
        market.set_universe((*chosen, *followed))
        deep = tuple(s for s in market.flow.symbols if s in market.universe)
        turn.ask(Subscribe(market.universe, deep))
        for symbol in market.universe:
            self._load(turn, symbol)

    def _followed(self, turn: Turn) -> Iterable[str]:
        """What is streamed whatever the choice: positions, and what a person watches."""
        listed = {i.symbol for i in self._instruments}
        watched = (w.symbol for w in turn.ledger.state.watching.values() if w.symbol in listed)
        return dict.fromkeys((*(p.symbol for p in turn.ledger.positions), *watched))

    def _load(self, turn: Turn, symbol: str) -> None:
        """Ask for the closed bars we lack, unless they are on their way."""
        asked = self._loading.get(symbol)
        if asked is not None and turn.at_ms - asked < ASK_AGAIN_MS:
            return
        last = turn.market.last_open_ms(symbol)
        since = (
            turn.at_ms - HISTORY_BARS * self._frame_ms if last is None else last + self._frame_ms
        )
        if since + self._frame_ms > turn.at_ms:
            return  # the next bar is not closed yet
        self._loading[symbol] = turn.at_ms
        turn.ask(FetchHistory(symbol, since))

    def history(self, turn: Turn, event: e.HistoryLoaded) -> list[Bar]:
        """Older bars arrived: the newest is judged if it is new to us; returns those added."""
        symbol = event.symbol
        self._loading.pop(symbol, None)
        added = turn.market.load_history(symbol, event.open_ms, event.ohlcv)
        if not added:
            return []
        open_ms, ohlcv = turn.market.candles(symbol, added)
        self._wait(int(open_ms[-1]), symbol)
        rows = zip(open_ms.tolist(), ohlcv.tolist(), strict=True)
        return [Bar(symbol, at, *row) for at, row in rows]

    def fetch_failed(self, event: e.FetchFailed) -> None:
        """A history that did not come may be asked for again."""
        self._loading.pop(event.what.removeprefix("history "), None)

    def stream_up(self, turn: Turn, event: e.StreamUp) -> None:
        """What was missed meanwhile is fetched before anything is decided over the hole."""
        turn.market.mark_up(event.symbols)
        for symbol in event.symbols:
            if symbol in turn.market.universe:
                self._load(turn, symbol)

    def candles(self, turn: Turn, event: e.CandlesClosed) -> list[Bar]:
        """Closed bars arrived; returns those that were new and without a gap before them."""
        added: list[Bar] = []
        for bar in event.bars:
            result = turn.market.append(bar, turn.at_ms)
            if result is Append.GAP:
                self._load(turn, bar.symbol)
            elif result is Append.ADDED:
                self._wait(bar.open_ms, bar.symbol)
                added.append(bar)
        return added

    @property
    def is_waiting(self) -> bool:
        """Whether bars wait to be judged: then time alone may make them ready."""
        return bool(self._batch)

    def _wait(self, open_ms: Ms, symbol: str) -> None:
        self._batch.setdefault(open_ms, set()).add(symbol)

    def ready(self, turn: Turn) -> list[tuple[Ms, tuple[str, ...]]]:
        """Batches to judge now: complete ones, and those past their grace; oldest first."""
        due: list[tuple[Ms, tuple[str, ...]]] = []
        for open_ms in sorted(self._batch):
            symbols = self._batch[open_ms]
            closed_ms = open_ms + self._frame_ms
            is_late = turn.at_ms >= closed_ms + turn.settings.market.close_grace_ms
            is_due = is_late and not self._is_starting(turn)
            if is_due or symbols.issuperset(turn.market.universe):
                due.append((open_ms, tuple(s for s in turn.market.universe if s in symbols)))
                del self._batch[open_ms]
                self.newest_ms = max(open_ms, self.newest_ms or open_ms)
        return due

    def _is_starting(self, turn: Turn) -> bool:
        """Whether the first histories are on their way: who is judged alone ranks with nobody.

        The next bar is waited for at most: a history that never comes holds up nobody for longer.
        """
        asked = (self._loading.get(symbol) for symbol in turn.market.universe)
        oldest = turn.at_ms - self._frame_ms
        return self.newest_ms is None and any(at is not None and at > oldest for at in asked)
