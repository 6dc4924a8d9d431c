"""The chat page and the JSON it lives on.

It exists so that a person, or a test, can be the phone: say something, tap, and read what changed,
once or as a stream. It must never change anything on a GET.
"""

import asyncio
import base64
import contextlib
import hashlib
import re
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from bot.sandbox.groups import Invite
from bot.sandbox.people import PEOPLE, PersonKey
from bot.sandbox.poll import Bell
from bot.sandbox.room import Chat, Press, Say
from bot.sandbox.wire import Refused

ANSWER_S = 5.0
ALIVE_S = 15.0
BODY_S = 10.0
WRITE_S = 10.0
RETRY_MS = 1000  # how soon a page comes back to a stream that broke
STREAMS_MAX = 32
SAID_BYTES = 64_000

_PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")

T = TypeVar("T")


class Look(msgspec.Struct, frozen=True):
    """Which changes, of whose chat."""

    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    user: PersonKey | None = None


def page_routes(room: Chat, bell: Bell) -> list[web.RouteDef]:
    """`/` and `/chat/…`."""
    desk = _Desk(room, bell)
    return [
        web.get("/", _page),
        web.post("/chat/messages", desk.say),
        web.post("/chat/taps", desk.tap),
        web.post("/chat/groups", desk.invite),
        web.get("/chat/groups", desk.groups),
        web.get("/chat/messages", desk.messages),
        web.get("/chat/events", desk.events),
        web.get("/chat/commands", desk.commands),
        web.get("/chat/files/{id}", desk.file),
    ]


def policy(page: str) -> str:
    """The content security policy that lets exactly this page's own script and style run."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(page, 'script')}",
            f"style-src {_hashes(page, 'style')}",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hashes(page: str, tag: str) -> str:
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(b.encode()).digest()).decode() for b in blocks)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


async def _page(_request: web.Request) -> web.Response:
    headers = {"Content-Security-Policy": policy(_PAGE), "Cache-Control": "no-cache"}
    return web.Response(text=_PAGE, content_type="text/html", headers=headers)


class _Desk:
    def __init__(self, room: Chat, bell: Bell) -> None:
        self._room = room
        self._bell = bell
        self._streams = 0

    async def say(self, request: web.Request) -> web.Response:
        said = await _read(request, Say)
        try:
            message = self._room.say(said)
        except Refused as refused:
            raise _problem(web.HTTPBadRequest, refused.description) from refused
        return _json({"message_id": message.message_id})

    async def tap(self, request: web.Request) -> web.Response:
        press = await _read(request, Press)
        try:
            tap = self._room.tap(press)
        except Refused as refused:
            raise _problem(web.HTTPBadRequest, refused.description) from refused
        clock = asyncio.get_running_loop()
        until = clock.time() + ANSWER_S
        while tap.answer is None and await self._bell.wait(until - clock.time()):
            pass
        is_answered = tap.answer is not None
        return _json({"answer": tap.answer or "", "alert": tap.is_alert, "answered": is_answered})

    async def invite(self, request: web.Request) -> web.Response:
        group = self._room.invite(await _read(request, Invite))
        return _json({"chat_id": group.id})

    async def groups(self, _request: web.Request) -> web.Response:
        return _json({"groups": self._room.groups.rows()})

    async def messages(self, request: web.Request) -> web.Response:
        look = _look(request)
        return _json(self._room.history.since(look.after, look.user))

    async def commands(self, request: web.Request) -> web.Response:
        person = PEOPLE[_look(request).user or "owner"]
        menu = msgspec.to_builtins(self._room.menus.shown_to(person))
        return _json({"bot": self._room.me["first_name"], "commands": menu})

    async def file(self, request: web.Request) -> web.Response:
        stored = self._room.shelf.get(request.match_info["id"])
        if stored is None:
            raise _problem(web.HTTPNotFound, "this file was dropped to make room for newer ones")
        shown = "inline" if stored.width else "attachment"
        headers = {
            "Content-Disposition": f'{shown}; filename="{stored.name}"',
            "Cache-Control": "private, max-age=86400, immutable",  # the id is of the content
        }
        return web.Response(body=stored.content, content_type=stored.content_type, headers=headers)

    async def events(self, request: web.Request) -> web.StreamResponse:
        look = _look(request)
        if self._streams >= STREAMS_MAX:
            raise _problem(web.HTTPServiceUnavailable, f"expected at most {STREAMS_MAX} streams")
        self._streams += 1
        try:
            return await self._stream(request, look)
        finally:
            self._streams -= 1

    async def _stream(self, request: web.Request, look: Look) -> web.StreamResponse:
        last = request.headers.get("Last-Event-ID", "")
        after = int(last) if last.isdecimal() else look.after
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        # A page that is gone, or reads no more, will come back with its last id.
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            await self._follow(response, after, look.user)
        return response

    async def _follow(
        self, response: web.StreamResponse, after: int, user: PersonKey | None
    ) -> None:
        chunk, after = self._event(after, user)
        chunk = b"retry: %d\n%b" % (RETRY_MS, chunk)
        while not self._bell.is_closed:
            async with asyncio.timeout(WRITE_S):
                await response.write(chunk)
            is_news = after != self._room.history.version or await self._bell.wait(ALIVE_S)
            chunk, after = self._event(after, user) if is_news else (b": alive\n\n", after)

    def _event(self, after: int, user: PersonKey | None) -> tuple[bytes, int]:
        news = self._room.history.since(after, user)
        version = self._room.history.version
        return b"id: %d\ndata: %b\n\n" % (version, msgspec.json.encode(news)), version


def _look(request: web.Request) -> Look:
    try:
        return msgspec.convert(dict(request.query), Look, strict=False)
    except msgspec.ValidationError as e:
        raise _problem(web.HTTPBadRequest, str(e)) from e


async def _read(request: web.Request, shape: type[T]) -> T:
    sized = request.clone(client_max_size=SAID_BYTES)
    try:
        async with asyncio.timeout(BODY_S):
            return msgspec.json.decode(await sized.read(), type=shape)
    except (msgspec.MsgspecError, UnicodeError) as e:
        raise _problem(web.HTTPBadRequest, str(e)) from e
    except TimeoutError as e:
        raise _problem(web.HTTPRequestTimeout, "the body did not arrive") from e


def _json(body: object) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _problem(kind: type[web.HTTPError], what: str) -> web.HTTPError:
    text = msgspec.json.encode({"error": what}).decode()
    return kind(text=text, content_type="application/json")
