"""Somebody else on the account: told by name, never touched, and left alone once a person says so.

Two programs on one state directory belong here too: the second must not even ask the exchange.
"""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import TypeGuard

import pytest
from e2e.fault_acts import call, held, place_sixty_orders
from e2e.fault_world import LiveWorld, Seen, Sight
from e2e.live_judges import WORKING
from e2e.start_world import CALM, Json, gate_of, holdings, opened, resume, start_world
from programs import running

from engine.core import facts as f
from engine.core.values import GateName

pytestmark = pytest.mark.e2e

POSITIONS = 25  # more than the exchange lists on a page by itself
ORDERS = 60
STEP_MS = 10_000  # of the market, at this pace
SEEN_MS = 30_000  # what somebody else does is known so soon
READ_MS = 30_000  # between two reads of an account where nothing moves
AGAINST = {"Buy": "Sell", "Sell": "Buy"}
WORTH = Decimal(8)  # USDT of a stranger's position


async def market(world: LiveWorld, path: str) -> list[Json]:
    """Rows of a public list."""
    url = f"{world.address}/v5/market/{path}?category=linear&limit=1000"
    async with world.http.get(url) as response:
        return list((await response.json())["result"]["list"])


async def sizes(world: LiveWorld) -> dict[str, str]:
    """The least quantity of each symbol that is worth trading."""
    last = {row["symbol"]: Decimal(row["lastPrice"]) for row in await market(world, "tickers")}
    found = {}
    for row in await market(world, "instruments-info"):
        lot = Decimal(row["lotSizeFilter"]["qtyStep"])
        lots = WORTH / last[row["symbol"]] // lot + 1
        found[row["symbol"]] = format(lots * lot, "f")
    return found


def working(truth: Json) -> list[str]:
    """Ids of the orders of others that work."""
    rows = [x for x in truth["orders"] if x["orderStatus"] in WORKING]
    return sorted(x["orderId"] for x in rows if not x["orderLinkId"])


def _is_mismatch(fact: f.AnyFact) -> TypeGuard[f.Incident]:
    return isinstance(fact, f.Incident) and fact.code == "position_mismatch"


def mismatch(part: str) -> Seen:
    """A person was told of a difference."""

    def seen(sight: Sight) -> str | None:
        told = [x.detail for x in sight.facts(f.Incident) if _is_mismatch(x)]
        return next((x for x in told if part in x), None)

    return seen


def told_after_ms(sight: Sight, part: str) -> int:
    """How long after the stranger's last trade a person was told of it, in market time."""
    trades = [x for x in sight.truth["executions"] if not x["orderLinkId"]]
    last_ms = max(int(x["execTime"]) for x in trades)
    told = [r.at_ms for r in sight.records if _is_mismatch(r.fact) and part in r.fact.detail]
    return told[0] - last_ms


async def leave_alone(world: LiveWorld, symbol: str) -> None:
    """An owner says so, and confirms."""
    asked = await world.person.answer(f"/ignore {symbol}", "Not ours, leave it alone")
    await world.person.tap(asked, "Leave it alone")
    await world.person.until(lambda m: f"{symbol} is left alone" in m["text"])


async def test_more_than_a_page_of_a_stranger_at_the_start(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place:
        await place_sixty_orders(place.venue)
        wanted = dict(sorted((await sizes(place.venue)).items())[:POSITIONS])
        for symbol, qty in wanted.items():
            await place.buy(symbol, qty)
        before = await place.venue.truth()
        assert (len(holdings(before)), len(working(before))) == (POSITIONS, ORDERS)
        async with place.bot() as world:
            card = await world.person.until(lambda m: "Position mismatch" in m["text"])
            assert [s for s in wanted if s not in card["text"]] == []
            assert "send /ignore and its symbol" in card["text"]
            assert "and 5 more" in (await world.person.answer("/ignore", "Not ours"))["text"]
            sight = await world.look()
            assert gate_of(sight, GateName.UNRECONCILED)
            assert holdings(sight.truth) == holdings(before)
            *others, last = wanted
            await leave_alone(world, last)
            for symbol in others:
                order = {"symbol": symbol, "side": "Sell", "orderType": "Market"}
                await call(place.venue, "order/create", **order, qty=wanted[symbol])
            await world.until(opened(GateName.UNRECONCILED), 20)
            after = await world.truth()
            assert holdings(after) == {last: wanted[last]}
            assert working(after) == working(before)


async def test_a_stranger_beside_our_position(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place, place.bot(**CALM) as world:
        await world.program.line("market data flows")
        await resume(world)
        ours = await held(world)
        lots = await sizes(world)
        taken = holdings(await world.truth())
        other = next(symbol for symbol in lots if symbol not in taken)
        world.mark()
        await place.buy(other, lots[other])
        part = f"{other} LONG {lots[other]} is on the exchange and not ours"
        await world.until(mismatch(part), 20)
        sight = await world.look()
        assert told_after_ms(sight, part) <= SEEN_MS + READ_MS + STEP_MS
        assert gate_of(sight, GateName.UNRECONCILED)
        await leave_alone(world, other)
        await world.until(opened(GateName.UNRECONCILED), 20)
        assert holdings(await world.truth())[other] == lots[other]

        world.mark()
        more = lots[ours["symbol"]]
        side = ours["side"]
        order = {"symbol": ours["symbol"], "side": side, "orderType": "Market", "qty": more}
        await call(world, "order/create", **order)
        part = f"{ours['symbol']}: ours"
        await world.until(mismatch(part), 20)
        sight = await world.look()
        assert told_after_ms(sight, part) <= SEEN_MS + READ_MS + STEP_MS
        (row,) = [p for p in sight.truth["positions"] if p["symbol"] == ours["symbol"]]
        assert Decimal(row["stopLoss"]) > 0
        await call(world, "order/create", **{**order, "side": AGAINST[side]}, reduceOnly=True)
        await world.until(opened(GateName.UNRECONCILED), 20)


async def test_a_second_bot_on_the_directory_ends_before_it_asks_anybody(tmp_path: Path) -> None:
    visits = 0

    async def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        writer.close()

    async with start_world(tmp_path) as place, place.bot() as world:
        await world.program.line("booted")
        server = await asyncio.start_server(visited, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            nobody = f"http://127.0.0.1:{port}"
            sets = ("--set", f"exchange.rest_url={nobody}")
            env = {**place.env, "TELEGRAM_API_URL": nobody}
            async with running("bot", *sets, **env) as second:
                assert await second.ended() == 3, second.lines
        assert "found it locked" in second.lines[-1]
        assert visits == 0
        assert world.program.is_running
