"""The socket of a stream: websockets' client with a faster way in, its only importer.

It exists because the library spends more on a frame than we spend on its message. Whole, plain data
frames are cut out of the bytes here; every other frame is the library's. Nothing is cut before
somebody asks, and a ping is answered only after what came before it was taken: the pong means "read
up to here". It must never hold more than a little of what nobody asked for.
"""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import DATA_OPCODES, CloseCode, Frame
from websockets.protocol import OPEN, Event

from engine.errors import StreamError

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
FRAME_MAX_BYTES = 1 << 20
PARTS_MAX = 64  # of one fragmented message
HELD_MAX_BYTES = 1 << 16  # unread; beyond it the venue has to wait
BATCH_MAX = 128  # messages of one answer: others on the loop wait no longer than this takes

WHOLE_TEXT = 0x81  # first byte of a text frame that is all of its message
SIZE_16, SIZE_64 = 126, 127  # instead of a size: it follows in 2 or 8 bytes
HEADER_MIN, HEADER_MAX = 2, 10

ERRORS = (OSError, WebSocketException, StreamError)  # what may end a wire


class Wire(ClientConnection):
    """An open connection; `frames` replaces the library's `recv`."""

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:  # noqa: ANN401 -- theirs
        super().__init__(protocol, **options)
        self._held = b""  # bytes nobody asked for
        self._messages: list[bytes] = []  # that came by way of the library
        self._parts: list[bytes] = []  # of a fragmented message
        self._waiter: asyncio.Future[None] | None = None
        self._is_through = False  # everything goes to the library: there is nothing left to cut
        self._is_held_up = False

    async def frames(self) -> list[bytes]:
        """The next messages, at least one and all that are here; raises what ended the wire."""
        while True:
            found, self._messages = self._messages, []
            self._cut(found)
            if found:
                return found
            if self.connection_lost_waiter.done():
                raise self.close_exc
            self._resume()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def say(self, messages: Iterable[bytes]) -> None:
        """Send text frames."""
        for message in messages:
            await self.send(message, text=True)

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override] # typing has it from 3.12 on
        """Bytes arrived: kept until they are asked for."""
        if self._is_through or self.response is None:
            super().data_received(data)
        else:
            self._held += data
            if len(self._held) > HELD_MAX_BYTES and not self._is_held_up:
                self._is_held_up = True
                self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:  # type: ignore[explicit-override] # typing has it from 3.12 on
        """Nothing more will come; what is here stays readable."""
        self._let_through()
        super().eof_received()

    def connection_lost(  # type: ignore[explicit-override] # typing has it from 3.12 on
        self, exc: Exception | None
    ) -> None:
        """The connection is gone; what is here stays readable."""
        self._let_through()
        super().connection_lost(exc)
        self._wake()

    async def close(  # type: ignore[explicit-override] # typing has it from 3.12 on
        self, code: CloseCode | int = CloseCode.NORMAL_CLOSURE, reason: str = ""
    ) -> None:
        """End it; what was not read is lost."""
        self._let_through()
        self._resume()
        await super().close(code, reason)

    def process_event(self, event: Event) -> None:  # type: ignore[explicit-override] # typing has it from 3.12 on
        """A frame that went through the library."""
        if self.response is not None and isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._assemble(event)
        else:
            super().process_event(event)

    def _assemble(self, frame: Frame) -> None:
        self._parts.append(bytes(frame.data))
        if frame.fin:
            self._messages.append(b"".join(self._parts))
            self._parts.clear()
        elif len(self._parts) >= PARTS_MAX:
            self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, "too many parts")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume(self) -> None:
        if self._is_held_up:
            self._is_held_up = False
            self.transport.resume_reading()

    def _let_through(self) -> None:
        """From here on the library reads everything, beginning with what is held."""
        self._is_through = True
        held, self._held = self._held, b""
        if held:
            super().data_received(held)

    def _cut(self, found: list[bytes]) -> None:
        """Move whole messages from the bytes held to `found`, up to a frame of another kind."""
        held, end = self._held, len(self._held)
        at = 0 if self._parts else _cut_plain(held, found)
        while end - at >= HEADER_MIN and len(found) < BATCH_MAX:
            size, start = held[at + 1], at + HEADER_MIN
            is_plain = held[at] == WHOLE_TEXT and size <= SIZE_16 and not self._parts
            if size == SIZE_16:
                start += 2
                size = int.from_bytes(held[at + 2 : start], "big")
            stop = start + size if is_plain else at + _length(held[at : at + HEADER_MAX])
            is_huge = stop - start > FRAME_MAX_BYTES
            if (stop > end and not is_huge) or (found and not is_plain):
                break
            frame, at = held[start if is_plain else at : stop], min(stop, end)
            if is_plain:
                found.append(frame)
            elif not self._is_open_after(frame, found):
                break
        self._held = held[at:]
        if self.protocol.state is not OPEN:
            self._let_through()

    def _is_open_after(self, frame: bytes, found: list[bytes]) -> bool:
        """Let the library read a frame, and add the message that it completes, if any."""
        super().data_received(frame)
        found += self._messages
        self._messages.clear()
        return self.protocol.state is OPEN


def _cut_plain(held: bytes, found: list[bytes]) -> int:
    """Move the whole and plain messages of up to 64 kB at the front; returns where they end."""
    at, end, room = 0, len(held) - HEADER_MIN, BATCH_MAX - len(found)
    while at < end and room and held[at] == WHOLE_TEXT:
        size, start = held[at + 1], at + HEADER_MIN
        if size == SIZE_16 and at + HEADER_MIN < end:
            size, start = held[at + 2] << 8 | held[at + 3], start + 2
        elif size >= SIZE_16:
            break
        stop = start + size
        if stop > len(held):
            break
        found.append(held[start:stop])
        at, room = stop, room - 1
    return at


def _length(header: bytes) -> int:
    """Bytes of the frame with this header, itself included; more than are here when it is cut."""
    size = header[1] & SIZE_64
    more = {SIZE_16: 2, SIZE_64: 8}.get(size, 0)
    if more:
        size = int.from_bytes(header[HEADER_MIN : HEADER_MIN + more], "big")
    return HEADER_MIN + more + size


class _Dial(connect):
    """A connection attempt that goes where it was told or nowhere."""

    def process_redirect(  # type: ignore[explicit-override] # typing has it from 3.12 on
        self, exc: Exception
    ) -> Exception | str:
        return exc


def dial(url: str) -> AbstractAsyncContextManager[Wire]:
    """A connection, closed on leaving; what we do better than websockets itself is off."""
    return _Dial(  # type: ignore[return-value] # it makes what `create_connection` says
        url,
        proxy=None,
        compression=None,
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=None,  # blind to a stall, and wrong while the engine takes its time
        max_size=FRAME_MAX_BYTES,
        max_queue=None,  # nothing goes through it
        create_connection=Wire,
    )


def refusal(problem: BaseException) -> int:
    """The HTTP status a handshake was refused with; 0 when it was not."""
    return problem.response.status_code if isinstance(problem, InvalidStatus) else 0
