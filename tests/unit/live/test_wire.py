"""What arrives on the socket, in whatever pieces, frames and lengths, and what ends it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_venue import soon
from websockets.exceptions import ConnectionClosed
from websockets.frames import CONT, PING, PONG, TEXT, Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from engine.live.wire import (
    BATCH_MAX,
    FRAME_MAX_BYTES,
    HELD_MAX_BYTES,
    PARTS_MAX,
    Wire,
    dial,
)


class Peer:
    """The other end of a wire, which writes bytes as it likes."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[Frame] = asyncio.Queue()
        self.writer: asyncio.StreamWriter | None = None
        self.greeting = b""  # sent in one piece with the handshake

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        self.writer = writer
        protocol = ServerProtocol()
        while data := await reader.read(65536):
            protocol.receive_data(data)
            for event in protocol.events_received():
                if isinstance(event, Request):
                    protocol.send_response(protocol.accept(event))
                    writer.write(b"".join(protocol.data_to_send()) + self.greeting)
                else:
                    assert isinstance(event, Frame)
                    self.written.put_nowait(event)
        writer.close()

    def write(self, *frames: bytes) -> None:
        """Send these bytes in one piece."""
        assert self.writer is not None
        self.writer.write(b"".join(frames))

    def end(self) -> None:
        """Close the connection without a word."""
        assert self.writer is not None
        self.writer.close()


@asynccontextmanager
async def connected(greeting: bytes = b"") -> AsyncIterator[tuple[Peer, Wire]]:
    peer = Peer()
    peer.greeting = greeting
    async with await asyncio.start_server(peer.handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with dial(f"ws://127.0.0.1:{port}") as wire:
            yield peer, wire
            peer.end()


def text(payload: bytes) -> bytes:
    return Frame(TEXT, payload).serialize(mask=False)


async def take(wire: Wire, number: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < number:
        found += await soon(wire.frames())
    return found


async def ended(wire: Wire) -> str:
    with pytest.raises(ConnectionClosed) as caught:
        await soon(wire.frames())
    return str(caught.value)


SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 300_000)


@pytest.mark.parametrize("size", SIZES)
async def test_messages_of_every_length_arrive(size: int) -> None:
    sent = [b"x" * size, b"y" * size, b"end"]
    async with connected() as (peer, wire):
        peer.write(*map(text, sent))
        assert await take(wire, 3) == sent


async def test_what_comes_with_the_handshake_is_read_first() -> None:
    async with connected(text(b"first") + text(b"second")) as (peer, wire):
        peer.write(text(b"third"))
        assert await take(wire, 3) == [b"first", b"second", b"third"]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=12),
    st.lists(st.integers(1, 400), max_size=20),
)
async def test_the_pieces_in_which_bytes_come_mean_nothing(
    sizes: Sequence[int], pieces: Sequence[int]
) -> None:
    sent = [bytes([65 + n % 26]) * size for n, size in enumerate(sizes)]
    left = b"".join(map(text, sent))
    async with connected() as (_, wire):
        found: list[bytes] = []
        for piece in (*pieces, len(left)):
            wire.data_received(left[:piece])
            left = left[piece:]
            if piece % 2:
                wire._cut(found)
        assert found + (await take(wire, 1) if wire._held else []) == sent


async def test_a_batch_is_bounded() -> None:
    async with connected() as (peer, wire):
        peer.write(text(b"m") * (3 * BATCH_MAX))
        sizes = [len(await soon(wire.frames())) for _ in range(3)]
        assert max(sizes) == BATCH_MAX
        await take(wire, 3 * BATCH_MAX - sum(sizes))


async def test_a_ping_is_answered_after_what_came_before_it_was_taken() -> None:
    async with connected() as (peer, wire):
        peer.write(text(b"a"), Frame(PING, b"1").serialize(mask=False), text(b"b"))
        assert await take(wire, 1) == [b"a"]
        assert peer.written.empty()
        assert await take(wire, 1) == [b"b"]
        pong = await soon(peer.written.get())
        assert (pong.opcode, bytes(pong.data)) == (PONG, b"1")


async def test_a_message_in_parts_is_put_together() -> None:
    parts = [Frame(TEXT, b"a", fin=False), Frame(PING, b""), Frame(CONT, b"b", fin=False)]
    async with connected() as (peer, wire):
        peer.write(*(f.serialize(mask=False) for f in (*parts, Frame(CONT, b"c"))), text(b"d"))
        assert await take(wire, 2) == [b"abc", b"d"]


async def test_too_many_parts_end_the_wire() -> None:
    first = Frame(TEXT, b"", fin=False).serialize(mask=False)
    async with connected() as (peer, wire):
        peer.write(first, Frame(CONT, b"", fin=False).serialize(mask=False) * PARTS_MAX)
        waiting = asyncio.create_task(ended(wire))
        await soon(peer.written.get())
        peer.end()
        assert "1009" in await soon(waiting)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x7f" + (FRAME_MAX_BYTES + 1).to_bytes(8, "big"), "1009"),
        (b"\x81\x85abcdhello", "1002"),  # masked, as only a client may
        (b"\x85\x00", "1002"),  # no such kind
        (b"\xc1\x05hello", "1002"),  # of an extension nobody asked for
        (b"\x80\x00", "1002"),  # the end of what did not begin
        (b"\x01\x01a\x81\x01b", "1002"),  # a message within another
    ],
)
async def test_what_breaks_the_protocol_ends_the_wire_after_what_was_good(
    frame: bytes, code: str
) -> None:
    async with connected() as (peer, wire):
        peer.write(text(b"good"), frame, text(b"never"))
        assert await take(wire, 1) == [b"good"]
        waiting = asyncio.create_task(ended(wire))
        await soon(peer.written.get())
        peer.end()
        assert code in await soon(waiting)


async def test_what_came_before_the_end_is_read_before_it_is_told() -> None:
    async with connected() as (peer, wire):
        peer.write(text(b"last"), Frame(TEXT, b"half", fin=False).serialize(mask=False))
        peer.end()
        await soon(wire.wait_closed())
        assert await take(wire, 1) == [b"last"]
        assert "no close frame" in await ended(wire)


async def test_whoever_does_not_ask_makes_the_other_end_wait() -> None:
    async with connected() as (peer, wire):
        sent = 0
        assert peer.writer is not None
        while peer.writer.transport.get_write_buffer_size() < HELD_MAX_BYTES:
            peer.write(text(b"x" * 1000))
            sent += 1
            await asyncio.sleep(0)
        assert len(wire._held) <= 8 * HELD_MAX_BYTES
        assert len(await take(wire, sent)) == sent


async def test_leaving_does_not_wait_for_what_nobody_read() -> None:
    async with connected() as (peer, wire):
        peer.write(text(b"x" * 1000) * 1000)
        await take(wire, 1)
        peer.write(text(b"x" * 1000) * 1000)
        closing = asyncio.create_task(wire.close())
        assert (await soon(peer.written.get())).opcode == 8
        peer.end()
        await soon(closing)
