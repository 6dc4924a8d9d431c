"""Ids of our orders: the exchange takes each once for good, whichever ledger made it."""

import re

from builders import T0
from engine.core import facts as f
from engine.core.guard import stamp_of
from world import World, entering


def test_two_ledgers_of_one_name_never_use_an_id_twice() -> None:
    first, second = entering(), World()
    second.now += 60_000
    second.start()
    second.enter()
    one, other = (world.facts(f.OrderPlaced)[0].order.id for world in (first, second))
    assert one != other
    began_ms = first.engine.ledger.state.began_ms
    assert int(one.split("-")[1].split("_")[0], 36) == began_ms
    assert all(re.fullmatch(r"[a-z0-9_-]{1,36}[A-Z]", order_id) for order_id in (one, other))


def test_an_id_fits_what_an_exchange_takes() -> None:
    most = f"{'a' * 8}-{stamp_of(T0)}{10**4}-{10**9}X"
    assert len(most) <= 36
    assert stamp_of(0) == ""
    assert stamp_of(36) == "10_"
