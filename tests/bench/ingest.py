"""Market data from the socket to the engine's state, beside ccxt.pro and pybit.

It exists because a busy market is when the bot must not fall behind. The setup is the worst case:
all 200 symbols have their book and trades followed, where as shipped at most 30 have. Sender and
consumer are processes of their own, one pair at a time; figures are CPU a message, as wall time on
a busy machine says little. It must never wait for a consumer longer than `LIMIT_S`, nor take
silence for speed: a peer that fails has no figure, and we fail the whole.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from math import inf

import msgspec
import numpy as np
from bench.messages import SYMBOLS, opening, stream
from bench.table import Row

from engine.live.venues.bybit import BybitPublic

SATURATED = {"ours": 40_000, "ccxt": 10_000}
PYBIT = 6_000
PACED = {"ours": (2_000, 10_000), "ccxt": (2_000, 10_000)}
PACED_S = 2.0
LIMIT_S = 20.0
PEERS = ("ccxt", "pybit")
ROUNDS = 3  # saturated: the median of so many, ours and ccxt.pro's in turns
IN_MEMORY = 20_000
SECOND_US = 1e6
TARGETS = {("ours", 10_000): ((0.2, 0.12), (3.0, 1.5), (60.0, 25.0))}  # p50, p99, % of a core


class Found(msgspec.Struct):
    """What a consumer told."""

    cpu_us: float
    p50_ms: float
    p99_ms: float
    messages: float


NONE = Found(inf, inf, inf, 0)


def run(kind: str, messages: int, rate: float) -> Found:
    """One consumer against a sender of its own; a peer that hangs or breaks found nothing."""
    try:
        return _run(kind, messages, rate)
    except subprocess.SubprocessError as problem:
        if kind not in PEERS:
            raise
        print(f"{kind} gave no figure: {type(problem).__name__}", file=sys.stderr)
        return NONE


def _run(kind: str, messages: int, rate: float) -> Found:
    with tempfile.NamedTemporaryFile() as stamps:
        stamps.truncate(8 * messages)
        common = [str(messages), stamps.name]
        venue = [sys.executable, "-m", "bench.sender", str(SYMBOLS), common[0], str(rate)]
        sender = subprocess.Popen([*venue, stamps.name], stdout=subprocess.PIPE, text=True)
        try:
            assert sender.stdout is not None
            port = sender.stdout.readline().strip()
            consumer = [sys.executable, "-m", "bench.consumers", kind, port, *common]
            told = subprocess.run(consumer, check=True, capture_output=True, timeout=LIMIT_S)
        finally:
            sender.kill()
            sender.communicate()
    return msgspec.json.decode(told.stdout, type=Found)


def in_memory() -> tuple[float, float]:
    """Microseconds a message takes to be decoded alone, and to be parsed into events."""
    first, rest = opening(SYMBOLS), list(stream(SYMBOLS, IN_MEMORY))
    venue, decoder = BybitPublic(300), msgspec.json.Decoder()
    for raw in first:
        venue.parse(raw)
    spent = []
    for work in (decoder.decode, venue.parse):
        began = time.process_time()
        for raw in rest:
            work(raw)
        spent.append((time.process_time() - began) * SECOND_US / len(rest))
    return spent[0], spent[1]


def ingest() -> Iterator[Row]:
    """T4 and T5; the rows of others have no target."""
    decoded, parsed = in_memory()
    yield Row("decode a message, nothing else", decoded, inf, inf, "us")
    yield Row("parse a message into events", parsed, inf, inf, "us")
    found = [{kind: run(kind, n, 0) for kind, n in SATURATED.items()} for _ in range(ROUNDS)]
    cpu = {kind: _median(round_[kind].cpu_us for round_ in found) for kind in SATURATED}
    cpu["pybit"] = run("pybit", PYBIT, 0).cpu_us
    ratio = _median(_over(round_["ours"], round_["ccxt"]) for round_ in found)
    must, goal = SECOND_US / 60_000, SECOND_US / 100_000
    yield Row("socket to engine, 200 deep, a message", cpu["ours"], must, goal, "us")
    yield Row("  the same of ccxt.pro", cpu["ccxt"], inf, inf, "us")
    yield Row("  the same of pybit", cpu["pybit"], inf, inf, "us")
    yield Row("  ours over ccxt.pro", ratio, 1 / 5, 1 / 8, "x")
    yield Row("  ours over decoding alone", cpu["ours"] / decoded, inf, inf, "x")
    for kind, rates in PACED.items():
        for rate in rates:
            yield from _paced(kind, rate)


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def _over(ours: Found, peer: Found) -> float:
    """A peer without a figure was not beaten."""
    return inf if peer is NONE else ours.cpu_us / peer.cpu_us


def _paced(kind: str, rate: int) -> Iterator[Row]:
    """From leaving the sender to being known, and what that takes of a processor."""
    found = run(kind, int(rate * PACED_S), rate)
    name = f"{kind}, {rate // 1000}k messages/s"
    p50, p99, share = TARGETS.get((kind, rate), ((inf, inf),) * 3)
    yield Row(f"{name}, p50", found.p50_ms, *p50)
    yield Row(f"{name}, p99", found.p99_ms, *p99)
    yield Row(f"{name}, of a core", found.cpu_us * rate / SECOND_US * 100, *share, "%")
