"""The Bot API over HTTP: requests in, envelopes out.

It exists to turn a query, a form, a multipart body or JSON into one `Ask`, and an answer, a refusal
or a fault that was asked for into Telegram's envelope. It must never log a request: the token is in
its path.
"""

import asyncio

import msgspec
from aiohttp import web
from aiohttp.web_request import FileField

from bot.sandbox import faults
from bot.sandbox.api import answer
from bot.sandbox.poll import Bell, Poll
from bot.sandbox.room import Chat
from bot.sandbox.wire import Ask, Refused, Upload, bad_request
from engine.sim.venue_faults import Fault

BODY_BYTES = 20_000_000
BODY_S = 30.0


def bot_routes(room: Chat, bell: Bell) -> list[web.RouteDef]:
    """`/bot<token>/<method>`, `/file/bot<token>/…`, and `/chat/faults`."""
    desk = _Desk(room, bell)
    return [
        web.get("/bot{token:[^/]+}/{method}", desk.call),
        web.post("/bot{token:[^/]+}/{method}", desk.call),
        web.get("/file/bot{token:[^/]+}/files/{id}", desk.file),
        web.get("/chat/faults", desk.list_faults),
        web.post("/chat/faults", desk.set_faults),
    ]


class _Desk:
    def __init__(self, room: Chat, bell: Bell) -> None:
        self._room = room
        self._bell = bell
        self._poll = Poll(room, bell)
        self._faults = faults.BotFaults()

    async def call(self, request: web.Request) -> web.Response:
        try:
            self._admit(request)
            ask = await _read(request)
        except Refused as refused:
            return _refusal(refused)
        fault = self._faults.strike(ask.method)
        if fault is None:
            return await self._answer(ask)
        return await self._suffer(fault, ask, request)

    async def _answer(self, ask: Ask) -> web.Response:
        try:
            if ask.method.lower() == faults.POLL:
                result: object = await self._poll.get_updates(ask)
            else:
                result = answer(self._room, ask)
        except Refused as refused:
            return _refusal(refused)
        return _json({"ok": True, "result": result}, 200)

    async def _suffer(self, fault: Fault, ask: Ask, request: web.Request) -> web.Response:
        """The answer of a call that a fault strikes; some get none."""
        if fault.apply or fault.kind == "lose_response":
            await self._answer(ask)
        await self._bell.rest(fault.delay_s)
        if fault.kind in ("hang", "lose_response") and request.transport is not None:
            request.transport.abort()
        status, body = faults.reply(fault)
        return _json(body, status)

    async def list_faults(self, _request: web.Request) -> web.Response:
        """The list of the moment, with how often each has fired."""
        return _json({"faults": self._faults.shown()}, 200)

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the list; 400 with one clear error leaves the old one."""
        try:
            self._faults.replace(await request.read())
        except ValueError as e:
            raise web.HTTPBadRequest(text=f"{e}\n") from e
        self._poll.disturb()
        return await self.list_faults(request)

    async def file(self, request: web.Request) -> web.Response:
        try:
            self._admit(request)
        except Refused as refused:
            return _refusal(refused)
        stored = self._room.shelf.get(request.match_info["id"])
        if stored is None:
            return _refusal(Refused(404, "Not Found"))
        return web.Response(body=stored.content, content_type="application/octet-stream")

    def _admit(self, request: web.Request) -> None:
        if not self._room.admits(request.match_info["token"]):
            raise Refused(401, "Unauthorized")


def _json(body: object, status: int) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


def _refusal(refused: Refused) -> web.Response:
    body = {"ok": False, "error_code": refused.code, "description": refused.description}
    return _json(body, refused.code)


async def _read(request: web.Request) -> Ask:
    values: dict[str, object] = dict(request.query)
    uploads: dict[str, Upload] = {}
    if request.method == "POST":
        sized = request.clone(client_max_size=BODY_BYTES)
        try:
            async with asyncio.timeout(BODY_S):
                values |= await _json_body(sized) or await _form_body(sized, uploads)
        except web.HTTPRequestEntityTooLarge as e:
            raise Refused(413, "Request Entity Too Large") from e
        except TimeoutError as e:
            raise Refused(408, "Request Timeout: the body did not arrive") from e
        except ValueError as e:
            raise bad_request("can't parse the body of the request") from e
    return Ask(request.match_info["method"], values, uploads)


async def _json_body(request: web.Request) -> dict[str, object]:
    if request.content_type != "application/json":
        return {}
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=dict[str, object])
    except msgspec.MsgspecError as e:
        raise bad_request("can't parse request JSON object") from e


async def _form_body(request: web.Request, uploads: dict[str, Upload]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, FileField):
            with value.file:
                uploads[name] = Upload(value.filename, value.content_type, value.file.read())
        else:
            values[name] = value if isinstance(value, str) else value.decode()
    return values
