"""Hands beside ours: what a person, another program or the exchange itself does to the account.

They act over the same protocols as everybody: signed calls to the exchange, words in the chat.
"""

import hashlib
import hmac
import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

from e2e.fault_world import LiveWorld, Sight
from e2e.live_judges import signed

Json = dict[str, Any]

KEY = SECRET = "sandbox"
RECV_MS = "5000"
TOO_MANY, TRIES = 10006, 500
NO_ORDERS = json.dumps(
    {"retCode": 0, "retMsg": "OK", "result": {"list": [], "nextPageCursor": ""}, "time": 1}
)
ROW = {"symbol": "SOLUSDT", "side": "Buy", "size": "NaN", "avgPrice": "-1", "positionIdx": 0}
INSANE = json.dumps(
    {"retCode": 0, "retMsg": "OK", "result": {"list": [ROW], "nextPageCursor": ""}, "time": 1}
)


async def call(world: LiveWorld, path: str, **body: object) -> Json:
    """A signed call by another client of the same account, again while the limit is used up."""
    tries, answer = 1, await _call(world, path, body)
    while answer["retCode"] == TOO_MANY and tries < TRIES:
        tries, answer = tries + 1, await _call(world, path, body)
    assert answer["retCode"] == 0, answer
    return answer


async def _call(world: LiveWorld, path: str, body: dict[str, object]) -> Json:
    async with world.http.get(f"{world.address}/v5/market/time") as response:
        stamp = str((await response.json())["time"])
    data = json.dumps({"category": "linear", **body})
    text = f"{stamp}{KEY}{RECV_MS}{data}"
    sign = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {
        "X-BAPI-API-KEY": KEY,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": RECV_MS,
        "X-BAPI-SIGN": sign,
        "Content-Type": "application/json",
    }
    url = f"{world.address}/v5/{path}"
    async with world.http.post(url, data=data, headers=headers) as response:
        return dict(await response.json(content_type=None))


async def held(world: LiveWorld) -> Json:
    """A position of ours, waited for; the row of the exchange."""

    def open_one(sight: Sight) -> str | None:
        shown = {p["symbol"]: p["stopLoss"] for p in sight.truth["positions"]}
        ours = [p for p in sight.ledger.positions if p.entry is not None and not p.exit_rule]
        there = [p.symbol for p in ours if shown.get(p.symbol)]
        return there[-1] if there else None  # the youngest: it will not end by itself just now

    symbol = await world.until(open_one, 60.0)
    rows = (await world.truth())["positions"]
    return next(p for p in rows if p["symbol"] == symbol)


async def ours(world: LiveWorld) -> int:
    """The number of a position of ours, waited for."""
    symbol = (await held(world))["symbol"]
    return next(p.id for p in (await world.look()).ledger.positions if p.symbol == symbol)


async def say(world: LiveWorld, text: str, button: str) -> None:
    """Say something, and confirm where it is asked."""
    asked = await world.person.say(text)
    card = await answered(world, asked)
    labels = [b["text"] for row in card["buttons"] for b in row]
    assert not labels or any(button in label for label in labels), (labels, card["text"])
    if labels:
        await world.person.tap(card, button)


async def answered(world: LiveWorld, asked: int) -> Json:
    """The reply to our words; after a panic a chat has much to tell first."""
    with suppress(AssertionError):
        return await world.person.until(lambda m: m["reply_to"] == asked)
    return await world.person.until(lambda m: m["reply_to"] == asked)


async def close_one(world: LiveWorld) -> None:
    """A person closes a position."""
    await say(world, f"/close #{await ours(world)}", "Close")


async def close_behind_candles(world: LiveWorld) -> None:
    """The stream is gone for more than a bar; what was missed is read slowly; a person closes."""
    number = await ours(world)
    gone = {"target": "public", "kind": "close", "times": 1}
    await world.inject(gone, {"target": "public", "kind": "refuse", "status": 503})
    lost_ms = int((await world.truth())["at_ms"])

    def missed(sight: Sight) -> str | None:
        return "missed" if int(sight.truth["at_ms"]) > lost_ms + 90_000 else None

    await world.until(missed, 60.0)
    await world.inject({"target": "market/kline", "kind": "slow", "delay_s": 2})

    def backlog(sight: Sight) -> str | None:
        return "backlog" if sight.truth["requests"].get("market/kline", 0) >= 48 + 4 else None

    await world.until(backlog, 60.0)
    await say(world, f"/close #{number}", "Close")


async def close_by_hand(world: LiveWorld) -> None:
    """Somebody closes a position on the exchange."""
    row = await held(world)
    side = "Sell" if row["side"] == "Buy" else "Buy"
    order = {"symbol": row["symbol"], "side": side, "orderType": "Market", "qty": row["size"]}
    await call(world, "order/create", **order, reduceOnly=True)


async def close_by_hand_and_ours(world: LiveWorld) -> None:
    """Somebody closes on the exchange what a person closes in the chat."""
    number = await ours(world)
    await close_by_hand(world)
    await say(world, f"/close #{number}", "Close")


async def close_three_ways(world: LiveWorld) -> None:
    """A person, a hand on the exchange and a panic, one right after the other."""
    number = await ours(world)
    await close_by_hand(world)
    await say(world, f"/close #{number}", "Close")
    await panic(world)


async def panic(world: LiveWorld) -> None:
    """A person panics, and lets the bot go on once all is flat."""
    await held(world)
    await world.person.say("/panic now")

    def flat(sight: Sight) -> str | None:
        return None if sight.ledger.positions else "flat"

    await world.until(flat, 60.0)
    await say(world, "/resume it was a rehearsal", "Resume")


async def drop_stop(world: LiveWorld) -> None:
    """Somebody removes the stop of a position."""
    row = await held(world)
    values = {"symbol": row["symbol"], "stopLoss": "0", "tpslMode": "Full", "positionIdx": 0}
    await call(world, "position/trading-stop", **values)


async def deleverage(world: LiveWorld) -> None:
    """The exchange takes half of a position."""
    row = await held(world)
    (trade,) = [r for r in (await world.truth())["positions"] if r["symbol"] == row["symbol"]]
    amount = abs(signed(trade, "size"))
    await world.inject({"target": row["symbol"], "kind": "adl", "amount": str(amount)})


async def liquidate(world: LiveWorld) -> None:
    """The exchange takes all of a position."""
    row = await held(world)
    await world.inject({"target": row["symbol"], "kind": "liquidate"})


async def place_sixty_orders(world: LiveWorld) -> None:
    """Another program works more orders than a page shows."""
    for price in range(60):
        order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001"}
        limit = str(Decimal(90_000) - 10 * price)
        await call(world, "order/create", **order, price=limit, timeInForce="GTC")
