"""The trading desk as the chat sees it: what may be read, and the one door for commands.

It exists so that no chat module knows how the engine is run. Nothing here may hold state, and a
chat module must never reach past it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from engine.chart import Picture
from engine.core.events import AccountSeen, Command
from engine.core.facts import Record
from engine.core.settings import Settings
from engine.core.terms import Risk
from engine.core.values import Ms, Verdict
from engine.core.view import CandlesView, FlowView, Quote, View


class Health(msgspec.Struct, frozen=True):
    """The state of the machinery outside the chat; None means not known now."""

    version: str
    uptime_s: float  # real time
    restarts: int  # boot number of this account
    source: str  # where prices come from: "simulation, seed 7, 60x", "bybit"
    stream_state: str
    feed_age_ms: int | None
    api_latency_ms: float | None
    clock_skew_ms: float | None
    errors: tuple[tuple[Ms, str], ...] = ()  # the last few, newest last
    has_begun: bool = True  # turns are made; before that the exchange has given no time yet
    failing: tuple[str, ...] = ()  # timers whose last runs all failed


class Pulse(msgspec.Struct, frozen=True):
    """The state of the chat itself."""

    poll_age_s: float | None  # since Telegram last answered a poll; None = not yet
    outbox_depth: int
    outbox_oldest_s: float | None
    strangers: int
    trouble: str  # the last complaint of Telegram, "" when none
    outbox_dropped: int = 0  # messages given up since the start, because too many waited


class Prospect(msgspec.Struct, frozen=True):
    """The account live trading would use, as its exchange and our own records show it."""

    equity: Decimal
    preset: str  # what it would trade by
    risk: Risk  # with that preset in force
    held: int  # open positions of ours there
    refusals: tuple[str, ...]  # why it cannot be
    warnings: tuple[str, ...]
    account: str = ""  # the exchange's name of it; empty where it was not told


class ModeDoor(Protocol):
    """The way from paper to live and back."""

    def problems(self) -> tuple[str, ...]:
        """What this machine and its settings lack for live trading; empty when nothing."""
        ...

    async def prospect(self) -> Prospect:
        """Look at the live account with our key; raises `EngineError`."""
        ...

    def choose(self, mode: str, by: str) -> None:
        """Write down what the next start is; raises `StoreError`."""
        ...

    def change_over(self) -> None:
        """End what runs, in order, and begin what was chosen."""
        ...


class Window(Protocol):
    """What the engine knows, to be looked at between its turns."""

    def view(self) -> View:
        """The frozen read model, as of the last turn."""
        ...

    def candles(self, symbol: str, bars: int) -> CandlesView | None:
        """The last closed candles of a symbol; None when none are known."""
        ...

    def quote(self, symbol: str) -> Quote | None:
        """Best prices; None when the symbol is not streamed."""
        ...

    def verdict(self, symbol: str) -> Verdict | None:
        """The last verdict of a symbol, with the level it faced; None before its first."""
        ...

    def flow(self, symbol: str) -> FlowView | None:
        """Order flow of a symbol; None when it is not followed."""
        ...


class Desk(Window, Protocol):
    """What the composition root hands to the chat."""

    @property
    def modes(self) -> ModeDoor:
        """Paper and live."""
        ...

    def settings(self) -> Settings:
        """What the engine runs on now."""
        ...

    def preset(self, name: str, tuned: Mapping[str, str] | None = None) -> Settings:
        """The whole configuration with that preset and these values; raises `ConfigError`.

        Without values those that were chosen in the chat stay.
        """
        ...

    def health(self) -> Health:
        """How feed, venue and process are doing."""
        ...

    def now_real(self) -> float:
        """Seconds since the epoch on a clock that never steps back; real, never scaled."""
        ...

    def listen(self, callback: Callable[[Record], None]) -> Callable[[], None]:
        """Call back with every record from now on; returns the way to stop it."""
        ...

    def records(self, after_seq: int) -> Iterable[Record]:
        """The journal after a sequence number, oldest first."""
        ...

    async def command(self, command: Command) -> tuple[Record, ...]:
        """Put a command in; the facts of the turn that consumed it."""
        ...

    async def account(self) -> AccountSeen | None:
        """A fresh read of the account from the exchange; None when it gave no answer."""
        ...

    async def chart(self, picture: Picture) -> bytes:
        """The PNG, drawn off the loop."""
        ...

    async def every(self, name: str, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        """Run an action every so many real seconds, until canceled; none is lost to a stall."""
        ...

    def delivered(self, of_seq: int, chat_id: int, message_id: int) -> None:
        """Report a delivery, to become the fact `NoticeSent`.

        Id 0: never confirmed, or on purpose not sent; it is not told again either way.
        """
        ...
