from itertools import product

import pytest

from builders import D, fill, order
from engine.core.orders import IGNORED, TABLE, TERMINAL, OrderInput, Progress
from engine.core.values import OrderState


@pytest.mark.parametrize("pair", list(product(OrderState, OrderInput)))
def test_each_pair_is_classified_once(pair: tuple[OrderState, OrderInput]) -> None:
    assert (pair in TABLE) != (pair in IGNORED)


def test_no_transition_leaves_a_final_state() -> None:
    assert not [pair for pair in TABLE if pair[0] in TERMINAL]


def test_fills_before_the_acknowledgment_and_after_a_cancel_request_are_booked() -> None:
    progress = Progress(order(), placed_ms=0)
    progress.book(fill(qty=D(4), id="f1"))
    assert (progress.state, progress.left_qty) == (OrderState.OPEN, D(6))
    progress.feed(OrderInput.CANCEL_ASKED)
    progress.book(fill(qty=D(6), id="f2"))
    assert (progress.state, progress.left_qty, progress.is_live) == (OrderState.FILLED, D(0), False)
    assert (progress.filled_value, progress.fees) == (D(1000), D("1.10"))


def test_a_fill_after_the_end_is_booked_without_reviving_the_order() -> None:
    progress = Progress(order(), placed_ms=0, state=OrderState.CANCELED)
    progress.book(fill(qty=D(3)))
    assert (progress.state, progress.filled_qty) == (OrderState.CANCELED, D(3))
