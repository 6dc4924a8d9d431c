"""What differs between killing the bot on paper and in live mode: places, arguments, judges.

It exists so that the harness knows nothing of modes. It must never launch or kill anything.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from e2e import audit
from e2e.audit import Copy
from programs import Program

from builders import NO_FLOW
from engine.core.settings import Settings

Env = dict[str, str]

EASY = ["volume_24h", "atr15", "surge_1h", "body", "slope", "bb_rank", "watched", *NO_FLOW]
LAX = {  # much to do at little risk
    "checks.excluded": json.dumps(EASY),
    "levels.touches_min": "1",
    "levels.strength_min_frac": "0",
    "signals.volume_min_mult": "0",
    "signals.cooldown_s": "0",
    "exits.max_hold_s": "3600",
    "exits.targets": "[[0.6, 0.3], [1.2, 0.3]]",
    "exits.addon_enabled": "true",
    "risk.risk_per_trade_pct": "0.1",
    "risk.max_losing_streak": "20",
    "risk.daily_loss_limit_pct": "10",
    "risk.kill_switch_pct": "80",
}


class Rules(Protocol):
    """What differs between a kill on paper and one in live mode; `url` is the exchange's."""

    lax: Mapping[str, str]
    patience_s: float  # how long an order is waited for

    def state(self, folder: Path) -> Path:
        """The state directory all the bots share, one after the other."""
        ...

    def bot(self, folder: Path, url: str, arguments: Sequence[str], env: Env) -> Program:
        """The bot, not launched yet."""
        ...

    async def settled(self, program: Program, url: str, state: Path) -> None:
        """Wait until whoever else knows the account agrees with the journal."""
        ...

    def compared(self, copy: Copy, url: str) -> dict[int, int]:
        """Boot -> record of its first comparison with the account."""
        ...

    def rebuilt(self, copy: Copy, settings: Settings) -> None:
        """Check what the next process starts from."""
        ...


class PaperRules:
    """The account is what the ledger remembers: nobody else knows it."""

    lax: Mapping[str, str] = MappingProxyType(LAX)
    patience_s = 8.0

    def state(self, folder: Path) -> Path:
        """A directory of this account alone."""
        return folder / "state"

    def bot(self, folder: Path, url: str, arguments: Sequence[str], env: Env) -> Program:
        """The bot on paper."""
        del url
        return Program("bot", "--state-dir", str(self.state(folder)), *arguments, **env)

    async def settled(self, program: Program, url: str, state: Path) -> None:
        """What was compared is what the ledger holds."""

    def compared(self, copy: Copy, url: str) -> dict[int, int]:
        """They agree at once."""
        del url
        return audit.first_reads(copy)

    def rebuilt(self, copy: Copy, settings: Settings) -> None:
        """Ledger and paper account."""
        audit.check_rebuilt(copy, settings)
