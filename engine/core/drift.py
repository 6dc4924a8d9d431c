"""Whether the wallet holds what the ledger says; a person is told when it does not.

It exists because sizes and loss limits count on the ledger's balance, and money can move in ways
nobody tells us of: trades by hand, fees, conversions. It must never change the balance: what cannot
be explained is for a person to look at.
"""

from decimal import Decimal

from engine.core.facts import Incident
from engine.core.turn import Turn
from engine.core.values import Ms

LASTS_MS: Ms = 180_000  # transfers are looked for once a minute, executions may be written late
SHARE = Decimal("0.005")  # of the balance: less is no news


class Drift:
    """What wallet and ledger differ by, and what of that was told already."""

    def __init__(self) -> None:
        self._since_ms: Ms | None = None
        self._told = Decimal(0)

    def judge(self, turn: Turn, wallet: Decimal) -> None:
        """A read of the account shows this balance."""
        ours = turn.ledger.balance
        off, slack = wallet - ours, SHARE * max(abs(ours), abs(wallet))
        if abs(off) <= slack:
            self._told = Decimal(0)
        if abs(off - self._told) <= slack:
            self._since_ms = None
            return
        self._since_ms = turn.at_ms if self._since_ms is None else self._since_ms
        if turn.at_ms - self._since_ms < LASTS_MS:
            return
        self._since_ms, self._told = None, off
        words = (
            f"the wallet holds {wallet:.2f} USDT and the books say {ours:.2f}: sizes and limits "
            f"count on the books; who else moves money in this account?"
        )
        turn.alarm(Incident("balance_off", words, cause=f"{off:.2f}"))
