"""The real process in live mode against an exchange that misbehaves on purpose.

It exists so that every fault is injected over the exchange's own protocol and judged from outside:
the journal on disk, the exchange's truth, and what was said in the chat. It waits for things to
happen, never for time to pass.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from e2e import live_judges
from programs import Person, Program, person_at, running

from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.live.journal import journal_files, read_after

Json = dict[str, Any]

NAME = "alpha"
LIVELY = {  # much to do at little risk
    "market.frame_s": "60",
    "universe.volume_24h_min_usd": "0",
    "universe.oi_min_usd": "0",
    "universe.oi_change_min_pct": "0",
    "universe.depth_30bps_min_usd": "0",
    "universe.depth_50bps_min_usd": "0",
    "universe.tpm_min": "0",
    "universe.atr15_min_pct": "0.01",
    "universe.atr15_max_pct": "50",
    "universe.bb_rank_max_pct": "100",
    "signals.surge_1h_min_mult": "0",
    "signals.body_min_frac": "0",
    "signals.slope_max_pct": "20",
    "signals.imbalance_min_frac": "0",
    "signals.chase_max_atr": "10",
    "signals.fresh_bars": "3",
    "signals.break_eps_bps": "0.1",
    "signals.break_eps_atr": "0",
    "signals.retest_tolerance_bps": "200",
    "signals.stop_min_atr": "1.5",
    "universe.watch_max": "48",
    "risk.cost_max_frac": "1",
    "risk.pair_corr_max_frac": "1",
    "signals.retest_pierce_atr": "3",
    "signals.wall_block_bps": "0",
    "signals.tape_pace_min_mult": "0",
    "signals.activity_drop_max_frac": "1",
    "levels.touches_min": "1",
    "levels.strength_min_frac": "0",
    "signals.volume_min_mult": "0",
    "signals.cooldown_s": "0",
    "exits.max_hold_s": "120",
    "exits.targets": "[[0.6, 0.3], [1.2, 0.3]]",
    "risk.risk_per_trade_pct": "0.1",
    "risk.max_losing_streak": "20",
    "risk.daily_loss_limit_pct": "10",
    "risk.kill_switch_pct": "80",
    "risk.max_open_positions": "10",
}
SPEED = 8
STEP_MS = SPEED * 250  # the market moves in steps of a quarter second


class Sight(NamedTuple):
    """What can be seen from outside at one moment, since a mark in the journal."""

    records: tuple[f.Record, ...]  # since the mark
    ledger: Ledger
    truth: Json
    lines: tuple[str, ...]  # of the log, since the mark
    fired: int  # how often the faults that stand have struck

    def facts(self, kind: type[f.Fact]) -> list[Any]:
        """The facts of one kind since the mark."""
        return [r.fact for r in self.records if isinstance(r.fact, kind)]


Seen = Callable[[Sight], str | None]  # what happened, in words; None = not yet


class LiveWorld:
    """One life of the process, its exchange and its chat."""

    def __init__(
        self, program: Program, person: Person, place: tuple[str, Path], http: aiohttp.ClientSession
    ) -> None:
        self.program, self.person, self.http = program, person, http
        self.address, self.folder = place
        self._seq = self._line = 0
        self._records: list[f.Record] = []
        self._ledger = Ledger()

    async def inject(self, *faults: Json) -> None:
        """Replace the exchange's faults."""
        body = {"faults": list(faults)}
        async with self.http.post(f"{self.address}/venue/faults", json=body) as response:
            assert response.status == 200, await response.text()

    async def standing(self) -> list[Json]:
        """The faults that stand, each with how often it has `fired`."""
        async with self.http.get(f"{self.address}/venue/faults") as response:
            return list((await response.json())["faults"])

    async def fired(self) -> int:
        """How often the faults that stand have struck."""
        return sum(fault["fired"] for fault in await self.standing())

    async def truth(self) -> Json:
        """What the exchange knows."""
        async with self.http.get(f"{self.address}/venue/truth") as response:
            assert response.status == 200, await response.text()
            return dict(await response.json())

    def mark(self) -> None:
        """What follows is news."""
        self._line = len(self.program.lines)
        self.records()
        self._seq = self._ledger.seq

    def records(self) -> list[f.Record]:
        """The whole journal; only what is new in it is read."""
        for scan in read_after(journal_files(self.folder), self._ledger.seq):
            for record in scan.records[self._ledger.seq + 1 - scan.file.first :]:
                self._records.append(record)
                self._ledger.apply(record)
        return self._records

    async def now_ms(self) -> int:
        """Market time."""
        async with self.http.get(f"{self.address}/v5/market/time") as response:
            return int((await response.json())["time"])

    async def look(self) -> Sight:
        """Everything as it stands now."""
        truth, first = await self.truth(), self._seq
        news = tuple(self.records()[first:])
        lines = tuple(self.program.lines[self._line :])
        return Sight(news, self._ledger, truth, lines, await self.fired())

    async def until(self, seen: Seen, patience_s: float) -> str:
        """What happened, once it did; looks again whenever the process said something."""
        return await self.program.until(lambda: self._say(seen), patience_s)

    async def _say(self, seen: Seen) -> str | None:
        return seen(await self.look())

    async def settle(self, patience_s: float) -> Sight:
        """Wait until exchange and ledger agree on everything; the sight then."""

        def agreed(sight: Sight) -> str | None:
            return None if live_judges.differences(sight.truth, sight.ledger, NAME) else "agreed"

        try:
            await self.until(agreed, patience_s)
        except TimeoutError:
            sight = await self.look()
            found = live_judges.differences(sight.truth, sight.ledger, NAME)
            raise AssertionError(f"never agreed: {found}") from None
        return await self.look()

    async def judge(self, slack_ms: int = STEP_MS) -> None:
        """Everything that must hold at any moment."""
        truth = await self.truth()
        live_judges.check_executions(truth)
        live_judges.check_intents(truth, self.records(), NAME)
        live_judges.check_protected(truth, slack_ms)


@asynccontextmanager
async def live(
    folder: Path, *arguments: str, speed: float = SPEED, **sets: str
) -> AsyncIterator[LiveWorld]:
    """The sandbox in live mode on a free port, with somebody at its page."""
    named = {key.replace("__", "."): value for key, value in sets.items()}
    chosen = [part for k, v in {**LIVELY, **named}.items() for part in ("--set", f"{k}={v}")]
    where = ["--state-dir", str(folder), "--port", "0", "--mode", "live", "--speed", f"{speed:g}"]
    where += [] if "--seed" in arguments else ["--seed", "1"]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        program = await enter(running("bot", "--sandbox", *where, *chosen, *arguments))
        address = await program.address()
        http = await enter(aiohttp.ClientSession())
        world = LiveWorld(program, await enter(person_at(address)), (address, folder), http)
        await program.line("market data flows")
        yield world


def words(faults: Sequence[Json]) -> str:
    """Faults in one line, for people."""
    return "; ".join(json.dumps(fault, sort_keys=True) for fault in faults)
