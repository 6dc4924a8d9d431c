"""A venue that only sends: `python -m bench.sender SYMBOLS MESSAGES RATE STAMPS`.

It prints its port, waits for one client to have asked for everything, and sends: as fast as the
client reads (rate 0) or so many messages a second. When message n left, in nanoseconds of the
monotonic clock, is in the file STAMPS at place n. It must never be what is slow: frames are ready
before the first is sent, and their client's frames are read in a thread.
"""

import json
import mmap
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.messages import RATE, opening, stream
from websockets.frames import TEXT, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

TOPICS_OF_A_SYMBOL = 4
CHUNK = 64  # messages of one write when saturated
NAP_S = 0.0004
PATIENCE_S = 25.0
REST_S = 0.4  # between the answer to the last request, the snapshots and the stream


def framed(payload: bytes) -> bytes:
    """A text frame as a server sends it."""
    return Frame(TEXT, payload).serialize(mask=False)


class Client:
    """The one connection."""

    def __init__(self, connection: socket.socket, topics: int) -> None:
        self.asked = threading.Event()  # for everything
        self.left = threading.Event()
        self._socket = connection
        self._protocol = ServerProtocol()
        self._lock = threading.Lock()
        self._expected = topics
        self._topics: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, raw: bytes) -> None:
        """Write frames."""
        with self._lock:
            self._socket.sendall(raw)

    def _read(self) -> None:
        while not self.left.is_set():
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                self.left.set()
                return
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                self._answer(event)
            with self._lock:
                self._socket.sendall(b"".join(self._protocol.data_to_send()))
            if len(self._topics) >= self._expected:
                self.asked.set()

    def _answer(self, event: object) -> None:
        if isinstance(event, Request):
            self._protocol.send_response(self._protocol.accept(event))
        elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            message = json.loads(bytes(event.data))
            self._topics.update(message.get("args", ()))
            word = "pong" if message["op"] == "ping" else ""
            answer = {"success": True, "ret_msg": word, "req_id": message.get("req_id", "")}
            self._protocol.send_text(json.dumps({**answer, "op": message["op"]}).encode())


def chunks(total: int, rate: float) -> Iterator[tuple[int, int]]:
    """Which messages to write next, waiting until they are due."""
    began, sent = time.monotonic(), 0
    while sent < total and time.monotonic() < began + PATIENCE_S:
        due = int((time.monotonic() - began) * rate) if rate else sent + CHUNK
        if due > sent:
            yield sent, min(due, total)
            sent = min(due, total)
        else:
            threading.Event().wait(NAP_S)


def main() -> None:
    """Serve one client."""
    count, messages, rate = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    frames = [framed(raw) for raw in stream(count, messages, rate or RATE)]
    first = b"".join(framed(raw) for raw in opening(count))
    with Path(sys.argv[4]).open("r+b") as file:
        stamps = memoryview(mmap.mmap(file.fileno(), 8 * messages)).cast("q")
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = Client(connection, count * TOPICS_OF_A_SYMBOL)
    client.asked.wait(PATIENCE_S)
    client.left.wait(REST_S)
    client.send(first)
    client.left.wait(REST_S)
    try:
        for begin, end in chunks(messages, rate):
            blob = b"".join(frames[begin:end])
            now = time.monotonic_ns()
            for number in range(begin, end):
                stamps[number] = now
            client.send(blob)
        client.left.wait(PATIENCE_S)
    except OSError:
        pass  # it has seen enough


if __name__ == "__main__":
    main()
