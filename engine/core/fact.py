"""What every fact is.

It exists apart so that facts can stand in more than one module. It must never hold a field.
"""

import msgspec


class Fact(msgspec.Struct, frozen=True, tag=True):
    """A durable change: journaled before anything acts on it, then told and reported."""
