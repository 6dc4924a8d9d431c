"""A day of live trading in the sandbox while the exchange misbehaves at random: `make day`.

Spells of faults come and go, each drawn from the seed. After each one exchange and journal must
agree on positions, stops, orders and balance, and every promise is judged; the first that is broken
ends the day with 1 and names the seed, the spell and the directory with the evidence.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
from e2e import live_judges, weather
from e2e.fault_world import LiveWorld, live, words
from e2e.kills import lives_on

from engine.core import facts as f

HOUR_MS = 3_600_000
SPELL_S, CALM_S = (30, 240), (120, 480)  # market seconds
SETTLE_S = 90.0  # real
PEEK_S = 0.2
STEP_MS = 3000  # the market moves in such steps while books are followed
SETS = {
    "market.frame_s": "300",
    "exits.max_hold_s": "3600",
    "universe.watch_max": "15",
    "risk.max_open_positions": "5",
}


class Tally(msgspec.Struct):
    """What happened in a day."""

    spells: int = 0
    struck: int = 0
    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    longest_bare_ms: int = 0

    def table(self, world: LiveWorld, seconds: float) -> str:
        """For a person."""
        facts = [record.fact for record in world.records()]
        count = Counter(type(fact).__name__ for fact in facts)
        shown = ("SignalTaken", "OrderPlaced", "OrderDoubted", "OrderFilled", "PositionClosed")
        rows = [(name, count[name]) for name in (*shown, "StopMissing", "Incident", "Reconciled")]
        rows += [("spells", self.spells), ("faults that struck", self.struck)]
        rows += [(f"  {kind}", n) for kind, n in sorted(self.kinds.items())]
        rows += [("longest without a stop, ms", self.longest_bare_ms), ("seconds", int(seconds))]
        return "\n".join(f"{name:32}{n:>10}" for name, n in rows)


class Day:
    """One day: spell, calm, comparison, and again."""

    def __init__(self, world: LiveWorld, seed: int, say: Callable[[str], object]) -> None:
        self.tally = Tally()
        self._world = world
        self._dice = Random(f"day {seed}")  # noqa: S311 -- repeatable, guards nothing
        self._say = say

    async def run(self, hours: float) -> None:
        """Live through it; raises `AssertionError` for a broken promise."""
        ends_ms = await self._world.now_ms() + hours * HOUR_MS
        while await self._world.now_ms() < ends_ms:
            await self._pass(self._dice.uniform(*CALM_S))
            held = [p["symbol"] for p in (await self._world.truth())["positions"]]
            faults = weather.spell(self._dice, sorted(held))
            try:
                await self._spell(faults)
            except (AssertionError, TimeoutError) as problem:
                raise AssertionError(f"{problem} after {words(faults)}") from problem

    async def _spell(self, faults: list[weather.Json]) -> None:
        await self._world.inject(*faults)
        await self._pass(self._dice.uniform(*SPELL_S))
        for fault in await self._world.standing():
            self.tally.kinds[fault["kind"]] += fault["fired"]
            self.tally.struck += fault["fired"]
        await self._world.inject()
        sight = await self._world.settle(SETTLE_S)
        await self._world.judge(STEP_MS)
        self.tally.spells += 1
        self.tally.longest_bare_ms = live_judges.longest_bare_ms(sight.truth)
        told = [r for r in sight.records if isinstance(r.fact, f.PositionClosed)]
        self._say(f"{self.tally.spells} spells, {len(told)} trades, {words(faults)}")

    async def _pass(self, market_s: float) -> None:
        until_ms = await self._world.now_ms() + 1000 * market_s
        while await self._world.now_ms() < until_ms:
            await lives_on(self._world.program, PEEK_S)


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def live_through(hours: float, seed: int, folder: Path, speed: float) -> Tally:
    """A day, or a part of one; what happened."""
    began = time.monotonic()
    async with live(folder, "--seed", str(seed), speed=speed, **SETS) as world:
        day = Day(world, seed, say)
        await day.run(hours)
        say(day.tally.table(world, time.monotonic() - began))
        return day.tally


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make day")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=60.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="breakout-day-"))
    try:
        asyncio.run(live_through(options.hours, options.seed, folder / "state", options.speed))
    except AssertionError as problem:
        say(f"VIOLATION: seed {options.seed}: {problem}\nthe evidence is in {folder}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
