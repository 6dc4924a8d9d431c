"""What the chat remembers of trades, and for how long."""

from desks import taken

from bot.trades import KEPT, TradeBook
from builders import T0, D, fill, order
from engine.core import facts as f
from engine.core.values import OrderState, Purpose


def book(*facts: f.AnyFact) -> TradeBook:
    found = TradeBook()
    for seq, fact in enumerate(facts, 1):
        found.fold(f.Record(seq, T0, fact))
    return found


def test_memory_is_bounded_and_forgets_what_is_over_first() -> None:
    first: list[f.AnyFact] = [taken(1), f.OrderFilled(1, fill())]
    found = book(*first, *(taken(n) for n in range(2, KEPT + 2)))
    assert len(found.trades) == KEPT
    assert 1 in found.trades
    assert 2 not in found.trades


def test_memory_never_forgets_what_is_open() -> None:
    facts: list[f.AnyFact] = []
    for number in range(KEPT + 1):
        facts += [taken(number), f.OrderFilled(number, fill())]
    found = book(*facts, taken(999))
    assert len(found.trades) == KEPT + 2
    assert len(found.open_trades) == KEPT + 1


def test_live_orders_come_and_go() -> None:
    placed = f.OrderPlaced(order(Purpose.EXIT, id="x1", position_id=5))
    assert list(book(placed).orders) == ["x1"]
    assert book(placed, f.OrderEnded("x1", OrderState.FILLED, "")).orders == {}


def test_handled_updates_are_read_from_command_ids() -> None:
    done = [f.CommandDone(key, "x", "pause", "") for key in ("tg:7", "tg:8:pause", "cli:9", "tg:x")]
    assert book(*done).handled == {7, 8}


def test_facts_of_unknown_positions_change_nothing() -> None:
    found = book(taken(), f.OrderFilled(99, fill()), f.NoticeSent(1, 11, 5), f.NoticeSent(1, 12, 0))
    assert found.trades[17].fills == []
    assert found.trades[17].roots == {11: 5}
    assert found.trades[17].filled("x") == (D(0), D(0))


def test_orders_that_ended_without_a_fill_are_forgotten() -> None:
    def asked(number: int) -> f.AnyFact:
        return f.OrderPlaced(order(Purpose.EXIT, id=f"x{number}", position_id=17))

    refused: list[f.AnyFact] = []
    for number in range(5):
        refused += [asked(number), f.OrderEnded(f"x{number}", OrderState.REFUSED, "")]
    done = [
        asked(7),
        f.OrderFilled(17, fill(Purpose.EXIT, order_id="x7")),
        f.OrderEnded("x7", OrderState.FILLED, ""),
    ]
    found = book(taken(), *refused, *done, f.OrderEnded("nobody's", OrderState.CANCELED, ""))
    assert list(found.trades[17].orders) == ["x7"]


def test_prices_are_told_in_r_once_the_entry_is_fixed() -> None:
    opened = f.PositionOpened(17, D(100), D(10), D(2), D(22), ())
    found = book(taken(), opened).trades[17]
    assert (found.move_r(D(103)), found.rung("x")) == (1.5, None)
    assert book(taken()).trades[17].move_r(D(103)) is None
    flat = f.PositionOpened(17, D(100), D(10), D(0), D(22), ())
    assert book(taken(), flat).trades[17].move_r(D(103)) is None


def test_what_parts_brought_is_net_of_their_share_of_the_entry() -> None:
    entries = [
        fill(id="e1", qty=D(10), price=D(100), fee=D(1)),
        fill(id="e2", order_id="a1", qty=D(10), price=D(102), fee=D(1)),
    ]
    first = fill(Purpose.EXIT, id="x1", order_id="x1", qty=D(5), price=D(103), fee=D("0.5"))
    second = fill(Purpose.EXIT, id="x2", order_id="x2", qty=D(15), price=D(100), fee=D("1.5"))
    told = book(taken(5), *(f.OrderFilled(5, part) for part in (*entries, first)))
    found = told.trades[5]
    assert found.entered == (D(20), D(101))
    assert found.banked() == D("9.0")  # 5 * 2, less 0.5, less a quarter of the entry's 2
    assert found.banked_with([first, second]) == D("-9.0")
    assert found.banked_with([second]) == D("-18.0")
    assert found.banked({"x2"}) == 0
    alone = book(taken(5), f.OrderFilled(5, first)).trades[5]
    assert (alone.banked(), *alone.entered) == (D(0), D(0), D(0))
