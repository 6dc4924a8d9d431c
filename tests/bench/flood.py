"""A busy market on the wire: `python -m bench.flood UPSTREAM RATE`, between a venue and a bot.

It exists so that the whole program can be watched under load. It passes on what the venue says, and
repeats the newest change of each book and ticker so often that RATE messages a second leave; a
level of a book is told as it stands, so a repeat under the next update number changes nothing. Its
lines are its port, and every second how many left. It must never invent a price.
"""

import asyncio
import sys
import time
from itertools import cycle, islice
from typing import Any

import msgspec
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from bot.post import pause

BEAT_S = 0.005
MOST = 400  # of one beat: what was missed is not all made up for at once


class Relay:
    """One client's connection to the venue."""

    sent = 0  # by all of them

    def __init__(self, client: web.WebSocketResponse, rate: float) -> None:
        self._client, self._rate = client, rate
        self._newest: dict[str, dict[str, Any]] = {}  # changes by topic, to be repeated
        self._update_ids: dict[str, int] = {}

    async def down(self, upstream: ClientWebSocketResponse) -> None:
        """From the venue, with the books numbered anew."""
        async for message in upstream:
            if message.type is not WSMsgType.TEXT:
                continue
            told = msgspec.json.decode(message.data)
            topic = told.get("topic", "")
            if topic.startswith(("orderbook", "tickers")):
                if told["type"] == "snapshot":
                    self._newest.pop(topic, None)
                else:
                    self._newest[topic] = told
            await self._tell(told, is_first=told.get("type") == "snapshot")

    async def repeat(self) -> None:
        """Fill up to the rate, until canceled."""
        began, due, said_s, beat = time.monotonic(), 0.0, 0, asyncio.Event()
        while True:
            await pause(beat, BEAT_S)
            now = time.monotonic()
            missing = int(min((now - began) * self._rate - due, MOST))
            due = (now - began) * self._rate
            topics = list(self._newest)
            for topic in islice(cycle(topics), missing):
                if topic in self._newest:
                    await self._tell(self._newest[topic])
            if int(now - began) > said_s:
                said_s = int(now - began)
                print(f"sent {Relay.sent}", flush=True)

    async def _tell(self, told: dict[str, Any], *, is_first: bool = False) -> None:
        topic = told.get("topic", "")
        if topic.startswith("orderbook"):
            number = 1 if is_first else self._update_ids.get(topic, 0) + 1
            self._update_ids[topic] = number
            told = {**told, "data": {**told["data"], "u": number}}
        Relay.sent += 1
        await self._client.send_str(msgspec.json.encode(told).decode())


async def serve(request: web.Request) -> web.StreamResponse:
    """Connect through, until either side ends."""
    client = web.WebSocketResponse(compress=False)
    await client.prepare(request)
    print("connected", flush=True)
    upstream_url, rate = request.app[UPSTREAM], request.app[RATE]
    async with ClientSession() as session, session.ws_connect(upstream_url) as upstream:
        relay = Relay(client, rate)
        tasks = [asyncio.create_task(relay.down(upstream)), asyncio.create_task(relay.repeat())]
        try:
            async for message in client:
                if message.type is WSMsgType.TEXT:
                    await upstream.send_str(message.data)
        finally:
            for task in tasks:
                task.cancel()
    return client


UPSTREAM = web.AppKey("upstream", str)
RATE = web.AppKey("rate", float)


async def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app[UPSTREAM], app[RATE] = sys.argv[1], float(sys.argv[2])
    app.router.add_get("/v5/public/linear", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
