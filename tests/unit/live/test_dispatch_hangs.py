"""Look-ups and reads that hang: an exit of the same symbol leaves all the same."""

from decimal import Decimal

from unit.live.test_dispatch import Room, order

from engine.core.events import OrderRefused
from engine.core.intents import CancelOrder, FetchAccount, FindOrder, Intent, PlaceOrder, SetStop
from engine.core.values import Purpose, Refusal, Side


async def test_a_look_up_that_hangs_holds_up_no_exit_of_its_symbol() -> None:
    async with Room().at_work() as room:
        lost, target = order("A", Purpose.EXIT, 1), order("A", Purpose.TARGET, 2)
        hanging: list[Intent] = [FindOrder(lost), CancelOrder(target)]
        await room.calls(*hanging)
        calls = await room.calls(
            PlaceOrder(order("A", Purpose.EXIT, 3)), SetStop(1, "A", Side.LONG, Decimal(90))
        )
        assert calls == [
            "cancel A-TARGET-2",
            "find A-EXIT-1",
            "place A-EXIT-3",
        ]


async def test_look_ups_take_no_place_of_an_order() -> None:
    async with Room().at_work() as room:
        await room.calls(*(FindOrder(order(f"L{n}")) for n in range(9)))
        assert len(room.venue.calls) == 4
        calls = await room.calls(PlaceOrder(order("X", Purpose.EXIT)))
        assert calls[4:] == ["place X-EXIT-1"]


async def test_an_order_is_looked_up_after_it_was_placed() -> None:
    async with Room().at_work() as room:
        entry = order("A")
        assert await room.calls(PlaceOrder(entry), FindOrder(entry)) == ["place A-ENTRY-1"]
        room.venue.open.set()
        await room.events(2)
        assert room.venue.calls == ["place A-ENTRY-1", "find A-ENTRY-1"]


async def test_a_question_that_waits_is_not_asked_again() -> None:
    async with Room().at_work() as room:
        question: list[Intent] = [FindOrder(order("A")), FetchAccount()]
        for _ in range(5):
            await room.calls(*question)
        assert sorted(room.venue.calls) == ["account", "find A-ENTRY-1"]
        assert room.dispatch.in_flight == 3  # a read that runs may be too old: one more waits
        room.venue.open.set()
        await room.events(3)
        assert sorted(room.venue.calls) == ["account", "account", "find A-ENTRY-1"]


async def test_an_entry_is_canceled_after_it_was_placed() -> None:
    async with Room().at_work() as room:
        entry = order("A")
        await room.calls(PlaceOrder(entry))
        assert await room.calls(CancelOrder(entry)) == ["place A-ENTRY-1"]
        room.venue.open.set()
        await room.events(2)
        assert room.venue.calls == ["place A-ENTRY-1", "cancel A-ENTRY-1"]


async def test_an_entry_that_still_waits_when_it_is_canceled_never_leaves() -> None:
    async with Room().at_work() as room:
        hanging = [PlaceOrder(order(f"H{n}")) for n in range(6)]
        entry, leaving = order("A"), order("A", Purpose.EXIT, 2)
        await room.calls(*hanging, PlaceOrder(entry))
        calls = await room.calls(CancelOrder(entry), PlaceOrder(leaving), CancelOrder(leaving))
        assert calls[6:] == ["place A-EXIT-2", "cancel A-EXIT-2"]
        assert await room.events(1) == [
            OrderRefused(entry.id, Refusal.OTHER, "not sent: canceled before")
        ]
        assert room.dispatch.in_flight == 8
