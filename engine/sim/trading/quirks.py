"""Bad days of an exchange, switched on and off from outside.

They exist so that whoever injects faults reaches what happens inside the account. They must never
break its books: each is something a real exchange does.
"""

from decimal import Decimal

import msgspec


class Quirks(msgspec.Struct):
    """Mutable switches, all off by default."""

    attach: bool = True  # False: the stop that comes with a create is silently not applied
    fill_frac: Decimal | None = None  # takers get only this share of what they want
    no_fill: bool = False  # market and IOC orders find nothing
    reject_after_ack: bool = False  # accepted, then rejected
    stop_no_fill: bool = False  # a triggered stop is canceled for want of liquidity
    twice_filled: bool = False  # a second Filled message follows the first
