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
        self._seen: Standing | None = None  # the last look at the account
        self._objection: str | None = None  # what it found
        self._told: str | None = None

    @property
    def problem(self) -> str | None:
        """Why we may not trade there; None when we may, as far as is known."""
        return self._account.problem or self._objection

    @property
    def is_denied(self) -> bool:
        """Whether the venue itself denies us."""
        return self._account.problem is not None

    async def ask(self) -> Standing | None:
        """Look at the account; None when it gave no answer, which proves nothing.

        What was never looked at may not be traded. Raises `StoreError` for another's account: its
        positions are none of ours, and what we send would change them.
        """
        try:
            standing = await self._account.standing()
        except Denied as denial:
            self._objection = str(denial)
            return None
        except ExchangeError as problem:
            _log.warning("access.unknown", problem=problem)
            if self._seen is None:
                self._objection = f"the account could not be looked at yet: {problem}"
            return None
        wrong = mismatch(self._known, standing)
        if wrong is not None:
            raise StoreError(wrong)
        self._seen = standing
        self._objection = "; ".join(objections(standing).refusals) or None
        return standing

    def tell(self) -> None:
        """Say what changed since it was last said."""
        if self.problem != self._told:
            self._told = self.problem
            self._sink(ExchangeSeen(self._told))

    async def run(self) -> None:
        """Until canceled."""
        waited_s = 0.0
        while True:
            self.tell()
            await self._sleep(LOOK_S)
            waited_s += LOOK_S
            if waited_s >= (ASK_S if self.problem is None else ASK_AGAIN_S):
                waited_s = 0.0
                await self.ask()
