"""The adapter of live trading against the embedded exchange, over loopback: the port's contract."""

from collections.abc import AsyncIterator

import pytest
from live_world import LiveWorld, live_world
from unit.contracts import ExchangeContract

from engine.live.standing import objections


@pytest.fixture
async def world() -> AsyncIterator[LiveWorld]:
    async with live_world() as made:
        yield made


class TestContract(ExchangeContract):
    pass


async def test_the_account_of_the_sandbox_may_be_traded(world: LiveWorld) -> None:
    assert objections(await world.live.standing()).refusals == ()
