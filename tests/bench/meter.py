"""How a consumer of the sender's stream is measured.

It exists so that ours and those of others are measured alike. It must never count what a consumer
does before the first and after the last message.
"""

import mmap
import time
from pathlib import Path

import numpy as np
from bench.messages import number_of

WARM_S = 0.5  # of a paced run, not counted


class Meter:
    """Counts CPU between two moments, and latencies by the numbers that prices hold."""

    def __init__(self, messages: int, stamps: Path) -> None:
        self.messages = messages
        self._stamps = stamps
        self._began: float | None = None
        self._cpu_s = 0.0
        self._seen: list[tuple[int, int]] = []
        self.is_over = False

    def see(self, price: float) -> None:
        """A ticker is known; its number is counted from 0, whatever comes before is not."""
        number = number_of(price)
        if number <= 0:
            return
        self._seen.append((number, time.monotonic_ns()))
        if self._began is None:
            self._began = time.process_time()
        if number == self.messages - 1:
            self.finish()

    def finish(self) -> None:
        """The last message is known, or there is no time left."""
        if not self.is_over and self._began is not None:
            self._cpu_s = time.process_time() - self._began
            self.is_over = True

    def report(self) -> dict[str, float]:
        """What was measured; a message is one of those between the first seen and the last."""
        seen = np.array(self._seen, np.int64)
        with (
            self._stamps.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as sent,
        ):
            left = np.frombuffer(bytes(sent), np.int64)[seen[:, 0]]
        took_ms = (seen[:, 1] - left) / 1e6
        counted = took_ms[left - left[0] > WARM_S * 1e9]
        counted = counted if len(counted) else took_ms
        number = int(seen[-1, 0] - seen[0, 0])
        p50, p99 = np.quantile(counted, (0.5, 0.99))
        cpu_us = self._cpu_s * 1e6 / number
        return {"cpu_us": cpu_us, "p50_ms": float(p50), "p99_ms": float(p99), "messages": number}
