"""The way from paper to live, as a test wants it to be."""

from bot.desk import Prospect
from builders import D
from engine.core.settings import Settings
from engine.errors import StoreError

PROSPECT = Prospect(
    equity=D(10_000), preset="breakout_v1", risk=Settings().risk, held=0, refusals=(), warnings=()
)


class FakeModes:
    """The `ModeDoor` port: what is missing is told by a test, what is chosen is kept."""

    def __init__(self) -> None:
        self.lacking: tuple[str, ...] = ()  # for live trading
        self.looked: Prospect | Exception = PROSPECT
        self.unwritable = ""  # why no mode can be written down
        self.done: list[tuple[str, str]] = []  # chosen by whom, and change-overs

    def problems(self) -> tuple[str, ...]:
        return self.lacking

    async def prospect(self) -> Prospect:
        if isinstance(self.looked, Exception):
            raise self.looked
        return self.looked

    def choose(self, mode: str, by: str) -> None:
        if self.unwritable:
            raise StoreError(self.unwritable)
        self.done.append((mode, by))

    def change_over(self) -> None:
        self.done.append(("over", ""))
