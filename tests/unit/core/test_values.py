from decimal import Decimal

import pytest

from engine.core.values import settled

D = Decimal


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1.50", "1.50"),
        ("0.0000000000000001", "1E-16"),
        ("0.00000000000000015", "2E-16"),
        ("-0.33333333333333333333", "-0.3333333333333333"),
        ("1E+20", "1E+20"),  # too long to be written with sixteen places in 28 digits
        ("0", "0"),
    ],
)
def test_money_is_rounded_once_and_only_where_it_is_too_fine(amount: str, expected: str) -> None:
    assert str(settled(D(amount))) == expected
    assert settled(settled(D(amount))) == settled(D(amount))


def test_shares_that_leave_one_by_one_add_up() -> None:
    cost, left = D(100), D(100)
    for parts in range(7, 1, -1):
        left -= settled(left / parts)
    assert cost - left + left == cost
    assert settled(left) == left
