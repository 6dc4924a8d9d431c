"""Whether the exchange lets us trade: looked at again and again, told to the engine on change.

It exists so that a key that was revoked, or an account switched to hedge mode, stops entries within
minutes and opens them again when mended. It must never write, and never ask often.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from engine.core.events import Event, ExchangeSeen
from engine.errors import Denied, ExchangeError, StoreError
from engine.live.standing import Standing, mismatch, objections
from engine.log import Log

LOOK_S = 1.0  # at what the adapter knows already
ASK_S = 600.0  # at the account
ASK_AGAIN_S = 60.0  # while it may not be traded
ASK_FIRST_S = 10.0  # while nobody ever answered
UNKNOWN = "the account could not be looked at yet"

_log = Log(__name__)


class Account(Protocol):
    """The private side of a venue."""

    @property
    def problem(self) -> str | None:
        """Why the venue denies us now."""
        ...

    async def standing(self) -> Standing:
        """How account and key stand; raises `Transient` or `Denied`."""
        ...


class Access:
    """Ask once with `ask`, then `run` beside the engine; real seconds, whatever the pace.

    `known` is the account that the ledger is of, empty while it is of none.
    """

    def __init__(
        self,
        account: Account,
        sink: Callable[[Event], None],
        known: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account = account
        self._sink = sink
        self._sleep = sleep
        self._known = known
        self._objection: str | None = None  # what the last look at the account found
        self._warnings: tuple[str, ...] = ()
        self._is_seen = False  # an account nobody looked at may be in hedge mode
        self._silence = ""  # why nobody answered
        self._told: tuple[str | None, tuple[str, ...]] = None, ()

    @property
    def problem(self) -> str | None:
        """Why we may not trade there; what was never looked at may not be traded."""
        known = self._account.problem or self._objection
        if known is not None or self._is_seen:
            return known
        return f"{UNKNOWN}: {self._silence}" if self._silence else UNKNOWN

    @property
    def is_silent(self) -> bool:
        """Whether nobody answered yet, neither well nor by denying us."""
        return not self._is_seen and self._account.problem is None

    async def ask(self) -> Standing | None:
        """Look at the account; None when it gave no answer, which proves nothing.

        Raises `StoreError` for another's account: its positions are none of ours, and what we send
        would change them.
        """
        try:
            standing = await self._account.standing()
        except Denied as denial:
            if self._account.problem is None:  # else the adapter knows when that ends
                self._objection, self._is_seen = str(denial), True
            return None
        except ExchangeError as problem:
            _log.warning("access.unknown", problem=problem)
            self._silence = str(problem)
            return None
        wrong = mismatch(self._known, standing)
        if wrong is not None:
            raise StoreError(wrong)
        found = objections(standing)
        self._objection = "; ".join(found.refusals) or None
        self._warnings, self._is_seen = found.warnings, True
        return standing

    def tell(self) -> None:
        """Say what changed since it was last said."""
        news = self.problem, self._warnings
        if news != self._told:
            self._told = news
            self._sink(ExchangeSeen(*news))

    async def run(self) -> None:
        """Until canceled."""
        waited_s = 0.0
        while True:
            self.tell()
            await self._sleep(LOOK_S)
            waited_s += LOOK_S
            if waited_s >= self._every_s:
                waited_s = 0.0
                await self.ask()

    @property
    def _every_s(self) -> float:
        if not self._is_seen:
            return ASK_FIRST_S
        return ASK_S if self.problem is None else ASK_AGAIN_S
