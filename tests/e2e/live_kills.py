"""Kill -9 of the bot alone in live mode, and the exchange's own truth: `make live-kills KILLS=200`.

The exchange lives on and remembers everything. After each restart journal and truth must come to
agree on positions, stops, orders and balance; no decision may have become two orders, and no
position may ever have stood without its stop.
"""

import asyncio
import json
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from e2e import audit, live_judges
from e2e.audit import Copy, Violation
from e2e.fault_world import LIVELY, NAME
from e2e.kill_rules import Env
from e2e.kills import lives_on, main
from programs import Program

from bot.memory import restore
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import LIVE
from engine.live.mode import Chosen, write_mode
from engine.live.store import FileStore

KEYS = {"EXCHANGE_API_KEY": "sandbox", "EXCHANGE_API_SECRET": "sandbox", "ALLOW_LIVE": "1"}
SPEED = 40.0
AGREE_S = 45.0  # exchange and journal must agree so soon after a start
PEEK_S = 0.2


class LiveRules:
    """The account is the exchange's, and its truth is the judge."""

    lax: Mapping[str, str] = MappingProxyType({**LIVELY, "bot.resume_live": "true"})
    patience_s = 30.0  # two bars, and order flow is followed anew after each start

    def state(self, folder: Path) -> Path:
        """Below the root that says live."""
        return folder / "root" / LIVE

    def bot(self, folder: Path, url: str, arguments: Sequence[str], env: Env) -> Program:
        """The bot, armed for this exchange."""
        root = folder / "root"
        if not root.exists():
            write_mode(root, Chosen(LIVE, "a person", 1, url))
        return Program("bot", *arguments, **{**env, **KEYS, "BREAKOUT_STATE_DIR": str(root)})

    async def settled(self, program: Program, url: str, state: Path) -> None:
        """Exchange and journal agree on positions, stops, orders and balance."""
        found = ["not looked yet"]
        with suppress(TimeoutError):
            async with asyncio.timeout(AGREE_S):
                while found := await asyncio.to_thread(differences, url, state):
                    await lives_on(program, PEEK_S)
        if found:
            raise Violation(f"exchange and journal never agreed: {found}")

    def compared(self, copy: Copy, url: str) -> dict[int, int]:
        """What happened while the bot was dead is its to learn; a mismatch is none."""
        live_judges.check_intents(truth_of(url), copy.records, NAME)
        found: dict[int, int] = {}
        boot = 0
        for record in copy.records:
            match record.fact:
                case f.Booted(boot=boot):
                    pass
                case f.Reconciled() if boot not in found:
                    found[boot] = record.seq
                case f.Incident(code="position_mismatch", detail=detail):
                    raise Violation(f"boot {boot}: {detail}")
        return found

    def rebuilt(self, copy: Copy, settings: Settings) -> None:
        """Checkpoint and newer facts are what all facts fold to."""
        del settings
        store = FileStore(copy.folder, LIVE)
        try:
            ledger = restore(store)
        finally:
            store.close()
        is_same = ledger.digest() == copy.ledger.digest()
        audit.check(is_same, "checkpoint and newer facts differ from the fold")


def differences(url: str, state: Path) -> list[str]:
    """What exchange and journal do not agree on now; raises `Violation` for what must never be."""
    truth, ledger = truth_of(url), Ledger()
    for record in audit.read_journals(state):
        ledger.apply(record)
    live_judges.check_executions(truth)
    live_judges.check_protected(truth, -live_judges.PROTECT_MS)  # attached: never bare at all
    return live_judges.differences(truth, ledger, NAME)


def truth_of(url: str) -> dict[str, Any]:
    """What the exchange knows."""
    with urllib.request.urlopen(f"{url}/venue/truth") as reply:  # noqa: S310 -- loopback
        return dict(json.load(reply))


if __name__ == "__main__":
    sys.exit(main(LiveRules(), SPEED))
