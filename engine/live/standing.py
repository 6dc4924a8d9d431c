"""How the account and its key stand: what must be true before an order leaves, and what should be.

It exists so that an account in hedge mode, or a key that can withdraw, is found at the start and
not by a loss. It must never change the account, and never pass over what it could not read.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from engine.errors import Transient
from engine.live.lookup import LINEAR, POSITIONS, pages
from engine.live.rows import number, position_of, whole
from engine.live.statement import QUOTE, WALLET
from engine.live.wire import PrivateWire

QUERY_API, INFO = "v5/user/query-api", "v5/account/info"
UTA_STATUSES = (3, 4, 5, 6)
DEADLINE_WARN_DAYS = 14
MOVES_MONEY = frozenset({"Withdraw", "AccountTransfer", "SubMemberTransfer"})


class Standing(msgspec.Struct, frozen=True):
    """What the venue says of the account and of our key."""

    is_hedge: bool
    margin_mode: str  # ISOLATED_MARGIN, REGULAR_MARGIN, PORTFOLIO_MARGIN
    permissions: Mapping[str, tuple[str, ...]]  # as the venue groups them
    is_read_only: bool
    ips: tuple[str, ...]  # addresses the key is bound to; empty = none
    deadline_days: int | None  # None: the key does not expire
    equity: Decimal  # USD
    is_unified: bool
    account: str  # the venue's name of it: another key may open another one
    balance: Decimal | None  # of what we trade with; None where the account holds none


class Objections(msgspec.Struct, frozen=True):
    """Why nothing may be traded, and what a person should know; each a sentence."""

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]


def objections(standing: Standing) -> Objections:
    """What speaks against trading this account with this key."""
    granted = {name for names in standing.permissions.values() for name in names}
    trades = {"Order", "DerivativesTrade"} & granted
    excess = sorted(MOVES_MONEY & granted)
    days = standing.deadline_days
    refusals = {
        "position mode: expected one-way, found hedge; switch it on the exchange": (
            standing.is_hedge
        ),
        f"API key: expected no right to move money, found {', '.join(excess)}; make another key": (
            bool(excess)
        ),
        "API key: expected the right to trade, found it read-only": standing.is_read_only,
        "API key: expected the right to trade contracts, found none": not trades,
        "account: expected a unified trading account, found another kind": not standing.is_unified,
        f"account: expected {QUOTE} in it, found none; move some there": (
            standing.balance is None or standing.balance <= 0
        ),
    }
    warnings = {
        "API key: expected it bound to this machine's address, found no list of addresses": (
            not standing.ips
        ),
        f"API key: expected more than {DEADLINE_WARN_DAYS} days of life, found {days}": (
            days is not None and days <= DEADLINE_WARN_DAYS
        ),
    }
    return Objections(
        tuple(words for words, is_true in refusals.items() if is_true),
        tuple(words for words, is_true in warnings.items() if is_true),
    )


def mismatch(known: str, standing: Standing) -> str | None:
    """Why a ledger of the account `known` is not of this one; None when it is, or is of none."""
    if known in ("", standing.account):
        return None
    return (
        f"account: expected {known}, which the ledger is of, found {standing.account}; use its "
        f"key, or move the state directory away to begin with this account"
    )


async def read_standing(wire: PrivateWire, probe: str) -> Standing:
    """Ask the venue; raises `Transient` or `Denied`.

    `probe` is any listed symbol: a flat one shows the position mode, too.
    """
    key = await wire.ask(QUERY_API, {})
    info = await wire.ask(INFO, {})
    wallet = await wire.ask(WALLET, {"accountType": "UNIFIED"})
    account: Mapping[str, Any] = next(iter(wallet["list"]), {})
    return Standing(
        is_hedge=await _is_hedge(wire, probe),
        margin_mode=_text(info, "marginMode"),
        permissions=_permissions(key),
        is_read_only=_number(key, "readOnly") != 0,
        ips=tuple(ip for ip in _list(key, "ips") if ip != "*"),
        deadline_days=_deadline(key),
        equity=number(account, "totalEquity"),
        is_unified=_number(info, "unifiedMarginStatus") in UTA_STATUSES,
        account=str(whole(key, "userID")),
        balance=_balance(account),
    )


async def _is_hedge(wire: PrivateWire, probe: str) -> bool:
    """Whether any row has a side of its own, held or not."""
    held = await pages(wire, POSITIONS, {"category": LINEAR, "settleCoin": QUOTE, "limit": "200"})
    rows = await pages(wire, POSITIONS, {"category": LINEAR, "symbol": probe, "limit": "200"})
    return any(position_of(row).idx != 0 for row in (*held, *rows))


def _balance(account: Mapping[str, Any]) -> Decimal | None:
    """What it holds of our money; an account that never held any does not list it."""
    coins = account.get("coin")
    if not isinstance(coins, list) or not all(isinstance(coin, dict) for coin in coins):
        raise _odd("coin", coins)
    row = next((coin for coin in coins if coin.get("coin") == QUOTE), None)
    return None if row is None else number(row, "walletBalance")


def _permissions(key: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found = key.get("permissions")
    if not isinstance(found, dict):
        raise _odd("permissions", found)
    return {str(group): _list(found, group) for group in found}


def _deadline(key: Mapping[str, Any]) -> int | None:
    """Days until the key ends; a key bound to an address has none, told as a number below one."""
    if key.get("deadlineDay") in (None, ""):
        return None
    days = _number(key, "deadlineDay")
    return days if days > 0 or not _list(key, "ips") else None


def _list(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = row.get(name)
    if not isinstance(found, list | None) or not all(isinstance(x, str) for x in found or ()):
        raise _odd(name, found)
    return tuple(found or ())


def _text(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    if not isinstance(found, str) or not found:
        raise _odd(name, found)
    return found


def _number(row: Mapping[str, Any], name: str) -> int:
    return int(number(row, name))


def _odd(name: str, found: object) -> Transient:
    return Transient(f"account: {name}: expected another shape, found {str(found)[:60]!r}")
