"""The private REST endpoints of one account, as far as a trading client needs them.

It exists so that a transport only routes, signs and limits: every body is made here. It must never
touch a socket, and never answer a write that did not happen.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.core.values import Ms
from engine.sim.trading.asked import Asked
from engine.sim.trading.desk import Desk
from engine.sim.trading.private_reads import Reads
from engine.sim.trading.private_setup import Setup
from engine.sim.trading.private_writes import Writes
from engine.sim.trading.rows import Json

# Everything else names the product category.
_UNCATEGORIZED = ("/v5/account/", "/v5/user/", "/v5/asset/", "/v5/order/disconnected-cancel-all")

Write = Callable[[Asked], Json]
Read = Callable[[Asked, Ms | None], Json]


class Private:
    """Answers requests on a desk; `paths` are the (method, path) pairs it knows."""

    def __init__(self, desk: Desk) -> None:
        reads, writes, setup = Reads(desk), Writes(desk), Setup(desk)
        self._reads: dict[str, Read] = {
            "/v5/order/realtime": reads.realtime,
            "/v5/order/history": reads.history,
            "/v5/execution/list": reads.executions,
            "/v5/position/list": reads.positions,
            "/v5/position/closed-pnl": reads.closed_pnl,
            "/v5/account/transaction-log": reads.transactions,
        }
        self._states: dict[str, Write] = {
            "/v5/account/wallet-balance": setup.wallet,
            "/v5/account/info": setup.account,
            "/v5/account/fee-rate": setup.fee_rates,
            "/v5/user/query-api": setup.key,
            "/v5/asset/coin/query-info": setup.coins,
        }
        self._writes: dict[str, Write] = {
            "/v5/order/create": writes.create,
            "/v5/order/amend": writes.amend,
            "/v5/order/cancel": writes.cancel,
            "/v5/order/cancel-all": writes.cancel_all,
            "/v5/order/disconnected-cancel-all": setup.accept,
            "/v5/position/trading-stop": writes.trading_stop,
            "/v5/position/set-leverage": setup.set_leverage,
            "/v5/position/switch-mode": setup.switch_mode,
            "/v5/account/set-margin-mode": setup.set_margin_mode,
        }
        gets = [("GET", path) for path in (*self._reads, *self._states)]
        self.paths = frozenset([*gets, *(("POST", path) for path in self._writes)])

    def answer(
        self, method: str, path: str, params: Mapping[str, Any], as_of_ms: Ms | None = None
    ) -> Json:
        """The `result` of a request; raises `Refused`, and `KeyError` for a path it does not know.

        With `as_of_ms` reads of orders, executions and positions show the account as it was then;
        anything else shows now.
        """
        if (method, path) not in self.paths:
            raise KeyError((method, path))
        is_free = path.startswith(_UNCATEGORIZED)
        asked = Asked(params, is_categorized=not is_free)
        if method == "POST":
            return self._writes[path](asked)
        if path in self._states:
            return self._states[path](asked)
        return self._reads[path](asked, as_of_ms)
