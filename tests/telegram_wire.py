"""Telegram at the seam PTB has for it: a request object that answers from memory, with faults."""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from telegram import Bot, Update
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

TOKEN = "1000001:" + "canary".ljust(35, "0")
T_S = 1_760_000_000
OWNER, TRADER, VIEWER, STRANGER, GROUP = 11, 22, 33, 44, -500

Fault = Callable[[], tuple[int, object]]  # returns status and body, or raises


class Lost(Exception):
    """The cause PTB attaches to a read time-out."""


class ReadTimeout(Exception):
    """Named like httpx's: the answer never came, the message may have arrived."""


class ConnectError(Exception):
    """Named like httpx's: nothing was sent."""


def lost_answer() -> tuple[int, object]:
    raise TimedOut from ReadTimeout()


def no_network() -> tuple[int, object]:
    raise NetworkError("down") from ConnectError()


def wait(seconds: int) -> Fault:
    body = {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": seconds}}
    return lambda: (429, body)


def refuse(status: int, words: str, **parameters: object) -> Fault:
    body = {"ok": False, "description": words, "parameters": parameters}
    return lambda: (status, body)


class Wire(BaseRequest):
    """One Telegram; `calls` has every request, `faults[method]` what the next ones meet."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.updates: list[dict[str, object]] = []
        self.called = asyncio.Event()
        self.answering = asyncio.Event()  # cleared: messages arrive, their answers wait
        self.answering.set()
        self.uploads: list[list[object]] = []  # bytes of the files of each message that had some
        self.webhook = ""  # where somebody had updates sent
        self.menus: dict[tuple[object, object], list[dict[str, str]]] = {}  # by chat and user
        self._ids = itertools.count(1000)

    @property
    def read_timeout(self) -> float | None:  # type: ignore[explicit-override] # typing: 3.12
        return 1.0

    async def initialize(self) -> None:  # type: ignore[explicit-override] # typing: 3.12
        return

    async def shutdown(self) -> None:  # type: ignore[explicit-override] # typing: 3.12
        return

    async def do_request(  # type: ignore[explicit-override] # typing: 3.12
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *_: object,
        **__: object,
    ) -> tuple[int, bytes]:
        del method
        name = url.rpartition("/")[2]
        said = dict(request_data.json_parameters) if request_data else {}
        if request_data and request_data.multipart_data:
            kind = "document" if name == "sendDocument" else "photo"
            said[kind] = "attached"
            self.uploads.append([part[1] for part in request_data.multipart_data.values()])
        for key in ("reply_markup", "reply_parameters", "disable_notification", "show_alert"):
            if key in said:
                said[key] = json.loads(said[key])
        self.calls.append((name, said))
        self.called.set()
        if name == "getUpdates":
            return await self._poll(said)
        await self.answering.wait()
        faults = self.faults[name]
        status, body = faults.pop(0)() if faults else (200, self._done(name, said))
        return status, json.dumps(body).encode()

    async def _poll(self, said: dict[str, Any]) -> tuple[int, bytes]:
        if self.faults["getUpdates"]:
            status, body = self.faults["getUpdates"].pop(0)()
            return status, json.dumps(body).encode()
        offset = int(said.get("offset", 0))
        waiting = [u for u in self.updates if int(str(u["update_id"])) >= offset]
        if not waiting and said.get("timeout") != "0":
            await asyncio.Event().wait()  # a long poll without news; ended by cancelation
        return 200, json.dumps({"ok": True, "result": waiting}).encode()

    def _done(self, name: str, said: dict[str, Any]) -> object:
        result: object = True
        if name == "getMe":
            result = {"id": 1000001, "is_bot": True, "first_name": "b", "username": "break_bot"}
        elif name == "getWebhookInfo":
            counts = {"has_custom_certificate": False, "pending_update_count": 0}
            result = {"url": self.webhook, **counts}
        elif name == "getMyCommands":
            scope = json.loads(said["scope"])
            result = self.menus.get((scope.get("chat_id"), scope.get("user_id")), [])
        elif name in ("sendMessage", "sendPhoto", "sendDocument", "editMessageText"):
            number = int(said.get("message_id", 0)) or next(self._ids)
            said["id"] = number
            chat = {"id": int(said["chat_id"]), "type": "private", "first_name": "x"}
            result = {"message_id": number, "date": T_S, "chat": chat, "text": "x"}
        return {"ok": True, "result": result}

    def named(self, *names: str) -> list[dict[str, Any]]:
        """Parameters of the requests with these names."""
        return [said for name, said in self.calls if name in names]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """New messages."""
        return self.named("sendMessage", "sendPhoto")


def bot(wire: Wire) -> Bot:
    return Bot(TOKEN, request=wire, get_updates_request=wire)


def buttons(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The buttons of a sent or edited message, in one list."""
    rows = (said.get("reply_markup") or {}).get("inline_keyboard", [])
    return [button for row in rows for button in row]


_numbers = itertools.count(1)


def user(user_id: int) -> dict[str, object]:
    return {"id": user_id, "is_bot": False, "first_name": "Ann", "username": f"u{user_id}"}


def place(chat_id: int) -> dict[str, object]:
    kind = "private" if chat_id > 0 else "supergroup"
    return {"id": chat_id, "type": kind, "title": "desk", "first_name": "Ann"}


def message(words: str | None, by: int = OWNER, **changes: object) -> dict[str, Any]:
    """An update with a text message; `chat` defaults to the private chat of `by`."""
    number = next(_numbers)
    said = {
        "message_id": number,
        "date": T_S,
        "chat": place(int(str(changes.pop("chat", by)))),
        "from": user(by),
        "text": words,
    }
    return {"update_id": number, "message": {**said, **changes}}


def tap(data: str, message_id: int, by: int = OWNER, chat: int | None = None) -> dict[str, Any]:
    """An update with a tapped button."""
    number = next(_numbers)
    hung_on = {"message_id": message_id, "date": T_S, "chat": place(chat or by), "text": "x"}
    query = {"id": f"q{number}", "from": user(by), "chat_instance": "1", "data": data}
    return {"update_id": number, "callback_query": {**query, "message": hung_on}}


def update(raw: dict[str, Any]) -> Update:
    return Update.de_json(raw, None)
