"""What happened while the bot was killed again and again, as a table.

It exists so that the proof shows how hard it tried: kills that hit nothing prove nothing.
"""

import msgspec


class Tally(msgspec.Struct):
    """What happened."""

    kills: int = 0
    at_orders: int = 0  # kills that waited for an order
    in_flight: int = 0  # kills that met an order whose end was not known
    resting: int = 0  # kills that met a target at work
    holding: int = 0  # kills that met an open position
    starting: int = 0  # kills before the account was first compared
    compared: int = 0  # kills that left a checkpoint from after that comparison
    torn: int = 0
    shown: int = 0  # stops the account showed at a start that no fact had shown before
    unpaused: int = 0
    orders: int = 0
    fills: int = 0
    trades: int = 0
    incidents: int = 0
    records: int = 0
    messages: int = 0
    orphans: int = 0
    again: int = 0
    waiting: int = 0  # facts whose message came only after the last kill
    seconds: float = 0.0

    def table(self) -> str:
        """The numbers with their names."""
        rows = (f"{words:<58} {getattr(self, name):>8,g}" for name, words in WORDS.items())
        return "\n".join(rows)


WORDS = {
    "kills": "kills",
    "at_orders": "  aimed at an order or exit just written",
    "in_flight": "  with an order in flight",
    "resting": "  with a target resting",
    "holding": "  with an open position",
    "starting": "  before the account was compared",
    "compared": "  whose process left its own ledger from after that",
    "torn": "  with a torn, never acknowledged tail",
    "unpaused": "pauses ended by /resume",
    "shown": "stops first shown after a start, their answer was cut off",
    "records": "records",
    "orders": "orders",
    "fills": "fills",
    "trades": "closed trades",
    "incidents": "incidents",
    "messages": "messages of the bot",
    "orphans": "  said twice: killed between Telegram's answer and the fact",
    "again": "  said twice: killed between two facts of one message",
    "waiting": "  facts still untold after the last kill",
    "seconds": "seconds",
}
