"""A journal and a checkpoint that live in memory and can be full, torn, and read back.

It exists so that a simulated crash loses exactly what a real one may lose: whatever was not
acknowledged. It must never keep half an append, and never know a record it was not given as bytes.
"""

from typing import Any

import msgspec

from engine.core.facts import OrderPlaced, Record, decode, encode
from engine.core.ledger import Ledger


class DiskRefused(Exception):
    """The disk took nothing of this append."""


class Disk:
    """Lines that survive the process."""

    def __init__(self) -> None:
        self.is_full = False
        self.lines: list[bytes] = []
        self.records: list[Record] = []  # as read back
        self.order_ids: set[str] = set()  # stated by a line
        self._checkpoint: tuple[int, bytes] = (0, b"")

    def append(self, records: list[Record]) -> None:
        """Take all of it; raises `DiskRefused` and keeps nothing."""
        if self.is_full:
            raise DiskRefused
        for record in records:
            line = encode(record)
            self.lines.append(line)
            self.records.append(decode(line))
            if isinstance(record.fact, OrderPlaced):
                self.order_ids.add(record.fact.order.id)

    def checkpoint(self, ledger: Ledger) -> None:
        """Keep the ledger as it stands; everything in it must have been appended."""
        assert ledger.seq == len(self.lines), "a checkpoint must not be ahead of its journal"
        self._checkpoint = (ledger.seq, msgspec.json.encode(ledger.dump()))

    def load(self) -> Ledger:
        """The ledger from the checkpoint and the lines after it, as at every start."""
        seq, body = self._checkpoint
        tables: dict[str, Any] = msgspec.json.decode(body) if body else {}
        ledger = Ledger.load(tables) if body else Ledger()
        for line in self.lines[seq:]:
            ledger.apply(decode(line))
        return ledger

    def replay(self) -> Ledger:
        """The ledger from the first line on, without any checkpoint."""
        ledger = Ledger()
        for line in self.lines:
            ledger.apply(decode(line))
        return ledger
