"""What shall go wrong with the Bot API: the list `/chat/faults` takes, and what a fault answers.

It exists so that a Telegram that is down, slow, strict or stolen is one request away. It must never
take a fault that could not strike, and never half-apply a list.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from bot.sandbox.api import METHODS
from engine.sim.venue_faults import ALL, Fault, Faults, wrong_value

POLL = "getupdates"
CONFLICTS: Mapping[str, str] = MappingProxyType(
    {
        "second_poller": (
            "Conflict: terminated by other getUpdates request; make sure that only one bot "
            "instance is running"
        ),
        "webhook_set": (
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to "
            "delete the webhook first"
        ),
    }
)
KINDS = frozenset({"reply", "hang", "lose_response", *CONFLICTS})
NAMES = frozenset({POLL, *METHODS})
WORDS: Mapping[int, str] = MappingProxyType(
    {
        400: "Bad Request: chat not found",
        401: "Unauthorized",
        403: "Forbidden: bot was blocked by the user",
        404: "Not Found",
        429: "Too Many Requests: retry after 5",
        502: "Bad Gateway",
    }
)
FAILED = 500  # of a reply whose status nobody named
HASTE, CONFLICT, RETRY_S = 429, 409, 5


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    faults: list[Fault]


class BotFaults:
    """The faults of the moment."""

    def __init__(self) -> None:
        self._faults = Faults(0)
        self._has_webhook = True  # as far as a fault says so; the bot may delete it

    def replace(self, data: bytes) -> None:
        """Take a request's list in place of the old one; raises `ValueError`, changing nothing."""
        self._faults.replace(parse(data))
        self._has_webhook = True

    def strike(self, method: str) -> Fault | None:
        """The fault that strikes this call, counted."""
        name = method.lower()
        kinds = KINDS if name == POLL else KINDS - set(CONFLICTS)
        if not self._has_webhook:
            kinds -= {"webhook_set"}
        fault = self._faults.strike(kinds, {name, ALL})
        if fault is None and name == "deletewebhook":
            self._has_webhook = False
        return fault

    def shown(self) -> list[dict[str, Any]]:
        """All of them with how often each has `fired`."""
        return self._faults.shown()


def parse(data: bytes) -> list[Fault]:
    """The faults of a request; raises `ValueError` with thing, expected, found."""
    try:
        faults = msgspec.json.decode(data, type=_Request).faults
    except msgspec.DecodeError as e:
        raise ValueError(str(e)) from e
    for i, fault in enumerate(faults):
        if problem := _problem(fault):
            raise ValueError(f"faults[{i}].{problem}")
    # Telegram does not mind the case of a method.
    return [msgspec.structs.replace(fault, target=fault.target.lower()) for fault in faults]


def _problem(fault: Fault) -> str:
    if fault.kind not in KINDS:
        return f"kind: expected one of {', '.join(sorted(KINDS))}, found {fault.kind}"
    of_poll = fault.kind in CONFLICTS
    names = {POLL, ALL} if of_poll else NAMES | {ALL}
    if fault.target.lower() not in names:
        expected = (
            "getUpdates or *" if of_poll else "a method of the Bot API (sendMessage, ...) or *"
        )
        return f"target: expected {expected}, found {fault.target}"
    if fault.amount is not None or fault.headers:
        return "amount, headers: expected none here"
    return wrong_value(fault)


def reply(fault: Fault) -> tuple[int, dict[str, Any]]:
    """Status and envelope of the answer a `reply`, or a conflict, gives in place of the true one.

    A text in `body` is the description; an object is laid over the envelope.
    """
    if fault.kind in CONFLICTS:
        return CONFLICT, _refusal(CONFLICT, CONFLICTS[fault.kind])
    status = FAILED if fault.status is None else fault.status
    words = (
        fault.body if isinstance(fault.body, str) else WORDS.get(status, "Internal Server Error")
    )
    envelope = _refusal(fault.ret_code or status, words)
    if status == HASTE:
        envelope["parameters"] = {"retry_after": RETRY_S}
    return status, envelope | (fault.body if isinstance(fault.body, dict) else {})


def _refusal(code: int, words: str) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": words}
