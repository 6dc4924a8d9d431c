"""The REST door of the simulated exchange: from the bytes of a request to the bytes of an answer.

It exists so that market data and the account sit behind the same gates as at the exchange: address
limit, signature, endpoint limit, envelope, and whatever fault strikes on the way. It must never
decide anything about an order.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec
from aiohttp import web

from engine.core.values import Ms
from engine.sim import venue_faults as faults
from engine.sim.feed import SECOND_MS
from engine.sim.venue_account import Account
from engine.sim.venue_auth import Now, admit
from engine.sim.venue_bell import Bell
from engine.sim.venue_call import Call, read_call
from engine.sim.venue_clock import Clock
from engine.sim.venue_limits import Allowance, Limits
from engine.sim.venue_rest import Endpoint, Json, Refused

MARKET = "market/"
TOO_MANY, SYSTEM_ERROR = 10006, 10016
FORBIDDEN, BAD_GATEWAY = 403, 502


class Behind(NamedTuple):
    """What answers behind the door."""

    market: Mapping[str, Endpoint]  # by path below `/v5/market/`
    account: Account
    bell: Bell


class _Answer(NamedTuple):
    body: bytes
    headers: dict[str, str]
    status: int = 200


class Door:
    """All REST paths below `/v5/`."""

    def __init__(self, behind: Behind, clock: Clock, found: faults.Faults) -> None:
        self.limits = Limits()
        self.requests: Counter[str] = Counter()  # by path below `/v5/`
        self._behind = behind
        self._clock = clock
        self._faults = found
        self._late: list[tuple[Ms, Call]] = []
        self._down_until_s = 0.0

    async def market(self, request: web.Request) -> web.StreamResponse:
        """Answer a request anybody may make."""
        return await self._handle(request, await read_call(request, is_private=False))

    async def account(self, request: web.Request) -> web.StreamResponse:
        """Answer a signed request; what it caused is told on the private streams after it."""
        call = await read_call(request, is_private=True)
        try:
            return await self._handle(request, call)
        finally:
            self._behind.bell.ring()

    def step(self) -> None:
        """Carry out what was to come late and is due."""
        due = [call for at_ms, call in self._late if at_ms <= self._clock.market_ms]
        self._late = [item for item in self._late if item[0] > self._clock.market_ms]
        for call in due:
            with suppress(Refused):  # nobody is there to be told
                self._behind.account.answer(call)

    def restart(self, down_s: float) -> None:
        """Answer everything with a system error for so many seconds of market time."""
        self._down_until_s = self._clock.lived_s + down_s

    async def _handle(self, request: web.Request, call: Call) -> web.StreamResponse:
        self.requests[call.path] += 1
        if self.limits.is_banned(call.path, self._clock.lived_s):
            return web.Response(status=FORBIDDEN, text="access too frequent")
        if self._clock.lived_s < self._down_until_s:
            return await _deliver(request, self._coded(SYSTEM_ERROR, "Service is restarting."))
        fault = self._faults.strike(_kinds(call), call.names)
        if fault is None:
            return await _deliver(request, self._answer(call))
        return await self._struck(request, call, fault)

    async def _struck(
        self, request: web.Request, call: Call, fault: faults.Fault
    ) -> web.StreamResponse:
        answer = self._struck_answer(call, fault)
        if answer is None:
            return _drop(request)
        if fault.kind == "cut":
            return await _cut(request, answer)
        return await _deliver(request, answer, fault.delay_s if fault.kind == "slow" else 0.0)

    def _struck_answer(self, call: Call, fault: faults.Fault) -> _Answer | None:
        """What a fault leaves of an answer; None if nothing."""
        kind = fault.kind
        if kind in ("lose_request", "late_apply"):
            if kind == "late_apply":
                self._postpone(call, fault.delay_s)
            return None
        if kind == "page_lost":
            return _Answer(b"", {}, fault.status or BAD_GATEWAY)
        if kind == "reply":
            if fault.apply:
                self._answer(call)
            return self._instead(fault)
        late_ms = round(fault.delay_s * SECOND_MS)
        answer = self._answer(
            call, self._clock.market_ms - late_ms if kind in faults.READ else None
        )
        return None if kind == "lose_response" else answer

    def _answer(self, call: Call, as_of_ms: Ms | None = None) -> _Answer:
        headers: dict[str, str] = {}
        try:
            result = self._result(call, as_of_ms, headers)
        except Refused as e:
            return self._coded(e.code, str(e), headers=headers)
        return self._coded(0, "OK", result, headers)

    def _result(self, call: Call, as_of_ms: Ms | None, headers: dict[str, str]) -> Json:
        if call.is_private:
            self._admit(call, headers)
            return self._behind.account.answer(call, as_of_ms)
        return self._behind.market[call.path.removeprefix(MARKET)](call.params or {})

    def _admit(self, call: Call, headers: dict[str, str]) -> None:
        """Raise `Refused`, or let it pass; the headers get what is left of the limit."""
        now_ms = self._clock.now_ms
        admit(call.headers, call.signed, Now(now_ms, self._clock.oldest_ms))
        allowance = self.limits.take(call.method, call.path, self._clock.lived_s)
        headers.update(_told(allowance, now_ms))
        if not allowance.is_free:
            raise Refused(TOO_MANY, "Too many visits!")

    def _postpone(self, call: Call, delay_s: float) -> None:
        with suppress(Refused):  # what is refused at the gate never comes
            self._admit(call, {})
            self._late.append((self._clock.market_ms + round(delay_s * SECOND_MS), call))

    def _instead(self, fault: faults.Fault) -> _Answer:
        """The answer somebody wants to see."""
        status, text = fault.status or 200, fault.body
        if fault.ret_code is not None:
            coded = self._coded(fault.ret_code, "fault" if text is None else str(text))
            return _Answer(coded.body, coded.headers | fault.headers, status)
        body = b"" if text is None else msgspec.json.encode(text)
        if isinstance(text, str):
            body = text.encode()
        return _Answer(body, fault.headers, status)

    def _coded(
        self,
        code: int,
        message: str,
        result: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Answer:
        envelope = {
            "retCode": code,
            "retMsg": message,
            "result": result or {},
            "retExtInfo": {},
            "time": self._clock.now_ms,
        }
        return _Answer(
            msgspec.json.encode(envelope),
            {"Content-Type": "application/json", **(headers or {})},
        )


def _kinds(call: Call) -> frozenset[str]:
    """Faults that can strike such a call."""
    kinds = faults.REST | faults.SLOW
    if call.method == "POST":
        return kinds | faults.WRITE
    if (call.params or {}).get("cursor"):
        kinds |= faults.PAGE
    return kinds | faults.READ if call.is_private else kinds


def _told(allowance: Allowance, now_ms: Ms) -> dict[str, str]:
    return {
        "X-Bapi-Limit": str(allowance.limit),
        "X-Bapi-Limit-Status": str(allowance.left),
        "X-Bapi-Limit-Reset-Timestamp": str(now_ms + round(allowance.wait_s * SECOND_MS)),
    }


async def _deliver(
    request: web.Request, answer: _Answer, stall_s: float = 0.0
) -> web.StreamResponse:
    """Send it all, so that whatever follows comes after it; `stall_s` lies behind the headers."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    if stall_s:
        await asyncio.sleep(stall_s)
    await response.write(answer.body)
    await response.write_eof()
    return response


async def _cut(request: web.Request, answer: _Answer) -> web.StreamResponse:
    """Send half of it and hang up."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _drop(request: web.Request) -> web.StreamResponse:
    """Hang up without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
