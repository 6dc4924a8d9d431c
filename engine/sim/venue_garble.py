"""Messages that are not what they should be: crossed books, frames that nobody can read.

It exists so that a client is tried with what streams have been seen to send. It must never change
the message it is given.
"""

from decimal import Decimal
from typing import Any

import msgspec

DEPTH = 1000  # of a nesting that recursive decoders do not survive
FRAME_SIZE = 1_500_000  # over the mebibyte that clients accept by default
CROSS = Decimal("0.01")  # how far the wrong side of the book reaches over


def is_delta(text: str) -> bool:
    """Whether a message changes what was sent before."""
    return '"type":"delta"' in text


def crossed(text: str) -> str:
    """A book message in which a bid stands above an ask; the same where no price is in it."""
    message: dict[str, Any] = msgspec.json.decode(text)
    data = message["data"]
    bids = [price for price, size in data["b"] if size != "0"]
    asks = [price for price, size in data["a"] if size != "0"]
    if asks:
        data["b"] = [[_moved(asks[0], 1 + CROSS), "1"], *data["b"]]
    elif bids:
        data["a"] = [[_moved(bids[0], 1 - CROSS), "1"], *data["a"]]
    return msgspec.json.encode(message).decode()


def _moved(price: str, factor: Decimal) -> str:
    found = Decimal(price)
    return f"{(found * factor).quantize(found):f}"


def garbage(number: int, topic: str) -> bytes:
    """Bad UTF-8, NaN, a deep nesting, a frame too large: one after the other."""
    frames = (
        b'{"topic":"\xff\xfe',
        f'{{"topic":"{topic}","type":"snapshot","ts":NaN,"data":NaN}}'.encode(),
        b"[" * DEPTH + b"]" * DEPTH,
        b'"' + b"x" * FRAME_SIZE + b'"',
    )
    return frames[(number - 1) % len(frames)]
