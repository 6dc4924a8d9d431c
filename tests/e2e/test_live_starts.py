"""What is wrong with key or account when live mode starts: refused, warned of, or waited out."""

from pathlib import Path

import pytest
from e2e.fault_acts import call, held
from e2e.fault_row import Json, reply
from e2e.start_world import SLOW, entries, gate_of, holdings, opened, resume, start_world

from engine.core.values import GateName

pytestmark = pytest.mark.e2e

KEY = "user/query-api"
GOOD = {
    "userID": 1,
    "readOnly": 0,
    "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": []},
    "ips": ["127.0.0.1"],
    "deadlineDay": 90,
}


def key_that(**has: object) -> Json:
    """The exchange says this of our key."""
    return reply(KEY, body={"retCode": 0, "retMsg": "OK", "result": {**GOOD, **has}, "time": 1})


async def test_a_refused_key_with_nothing_open_ends_the_start(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place:
        for code in (10003, 33004):
            await place.venue.inject(reply("private", ret_code=code))
            await place.refused(str(code), "💵 LIVE")
        assert (await place.venue.truth())["orders"] == []


async def test_what_a_key_may_not_be_and_how_an_account_may_not_stand(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place:
        wallet = {"ContractTrade": ["Order"], "Wallet": ["Withdraw"]}
        await place.venue.inject(key_that(permissions=wallet))
        await place.refused("no right to move money, found Withdraw")
        await place.venue.inject(key_that(readOnly=1))
        await place.refused("found it read-only")
        await place.venue.inject()
        await call(place.venue, "position/switch-mode", coin="USDT", mode=3)
        await place.refused("expected one-way, found hedge")


async def test_a_key_that_ends_soon_or_is_bound_to_no_address_is_told(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place:
        await place.venue.inject(key_that(ips=["*"], deadlineDay=3))
        async with place.bot() as world:
            await world.program.line("market data flows")
            warned = await world.person.until(lambda m: "Key warning" in m["text"])
            assert "found no list of addresses" in warned["text"]
            assert "more than 14 days of life, found 3" in warned["text"]
            assert (await world.look()).ledger.state.gates.keys() == {GateName.OPERATOR}


@SLOW
async def test_a_key_refused_at_the_start_over_a_position(tmp_path: Path) -> None:
    async with start_world(tmp_path) as place:
        async with place.bot() as world:
            await world.program.line("market data flows")
            await resume(world)
            await held(world)
        before = holdings(await place.venue.truth())
        await place.venue.inject(reply("private", ret_code=33004))
        async with place.bot(bot__resume_live="true") as world:
            world.mark()
            await world.until(lambda s: gate_of(s, GateName.EXCHANGE_DOWN), 20)
            await world.person.until(lambda m: "33004" in m["text"])
            await world.program.line("market data flows")
            code, said = await place.health()
            assert (code, "33004" in said) == (1, True), said
            sight = await world.look()
            assert entries(sight) == []
            assert set(holdings(sight.truth)) <= set(before)
            await world.inject()
            await world.until(opened(GateName.EXCHANGE_DOWN), 30)
            await world.settle(30)
            assert (await place.health())[0] == 0
            await world.judge()
