"""Trading rules that are missing, cut or taken away, and an exchange whose clock is wrong.

What the exchange says about its symbols and its time is needed before anything else; without it
nothing is traded, and once it is there again everything goes on.
"""

from pathlib import Path

import pytest
from e2e.fault_acts import held
from e2e.fault_row import Json, fault, reply
from e2e.fault_world import LiveWorld, Seen, Sight
from e2e.start_world import CALM, SLOW, entries, gate_of, opened, resume, start_world

from engine.core.values import GateName

pytestmark = pytest.mark.e2e

INSTRUMENTS = "market/instruments-info"
OFTEN = {"schedule__reconcile_every_s": "5"}
QUICK_RULES = 1500.0  # at this pace rules that are read every six hours are read soon


async def listed(world: LiveWorld, count: int | None, cursor: str = "") -> Json:
    """The exchange's own list, as if it had but so many symbols."""
    url = f"{world.address}/v5/{INSTRUMENTS}?category=linear&limit=1000"
    async with world.http.get(url) as response:
        body = dict(await response.json(content_type=None))
    body["result"] |= {"list": body["result"]["list"][:count], "nextPageCursor": cursor}
    return body


async def test_no_rules_or_half_of_them_at_the_start(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place:
        await place.venue.inject(reply(INSTRUMENTS, body=await listed(place.venue, 0)))
        async with place.bot() as world:
            await world.program.line("read.retried")
            await resume(world)
            await world.program.line("access.unknown")
            part = reply(INSTRUMENTS, body=await listed(world, 24, cursor="24"))
            await world.inject(fault(INSTRUMENTS, "page_lost"), part)
            await world.until(lambda sight: "struck" if sight.fired > 1 else None, 30)
            sight = await world.look()
            assert entries(sight) == []
            assert gate_of(sight, GateName.STALE_DATA)
            await world.inject()
            await world.until(opened(GateName.STALE_DATA), 30)
            await world.until(opened(GateName.EXCHANGE_DOWN), 30)
            await world.judge()


@SLOW
async def test_rules_that_shrink_later_are_not_believed(tmp_path: Path) -> None:
    async with start_world(tmp_path, QUICK_RULES) as place, place.bot() as world:
        await world.program.line("market data flows")
        await place.venue.inject(reply(INSTRUMENTS, body=await listed(world, 24)))
        line = await world.program.line("expected at least 38, found 24")
        assert "read.retried" in line
        assert await world.fired() > 0
        await world.inject()
        await resume(world)
        await held(world)  # by the rules of before


@SLOW
async def test_a_symbol_that_ends_over_a_position(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place:
        async with place.bot(**CALM) as world:
            await world.program.line("market data flows")
            await resume(world)
            symbol = (await held(world))["symbol"]
        await place.venue.inject(fault(symbol, "closed"))
        async with place.bot(bot__resume_live="true", **CALM) as world:
            world.mark()
            await world.person.until(
                lambda m: (
                    "Delisted" in m["text"] and "is not listed any more: close it" in m["text"]
                )
            )
            await world.until(opened(GateName.STALE_DATA), 30)
            await world.until(opened(GateName.UNRECONCILED), 30)
            await world.until(begun_elsewhere(symbol), 30)
            sight = await world.look()
            assert [x for x in entries(sight) if x.order.symbol == symbol] == []
            (row,) = [p for p in sight.truth["positions"] if p["symbol"] == symbol]
            assert float(row["stopLoss"]) > 0


def begun_elsewhere(symbol: str) -> Seen:
    """Trading goes on in other symbols."""

    def seen(sight: Sight) -> str | None:
        return next((x.order.symbol for x in entries(sight) if x.order.symbol != symbol), None)

    return seen


async def test_the_exchange_clock_goes_wrong_and_comes_back(tmp_path: Path) -> None:
    async with start_world(tmp_path, 1) as place, place.bot(**OFTEN) as world:
        await world.program.line("ledger and exchange agree")
        await world.inject(fault("*", "skew", delay_s=6))
        await world.program.line("clock.synced")
        await world.inject(fault("*", "skew", delay_s=0))
        await world.program.line("clock.synced", 2)
        sight = await world.look()
        assert gate_of(sight, GateName.UNRECONCILED) is None
        assert gate_of(sight, GateName.EXCHANGE_DOWN) is None
        await world.judge()
