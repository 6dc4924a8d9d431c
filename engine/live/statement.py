"""The whole account in one consistent read: positions, orders, executions, positions again, money.

It exists so that reconciling compares the ledger with one moment of the venue. It must never show
half a read, infer absence from a first page, or let an older view replace a newer one.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from engine.core.events import AccountSeen, Event
from engine.core.values import Fill, Funding, Ms, OrderState
from engine.errors import Denied, ExchangeError, Transient
from engine.live.lookup import EXECUTIONS, LINEAR, PAGE, POSITIONS, REALTIME, pages
from engine.live.rows import (
    Names,
    PositionRow,
    Row,
    execution_of,
    moment,
    number,
    order_of,
    position_of,
    transfer_of,
)
from engine.live.wire import PrivateWire
from engine.log import Log

WALLET, LOG = "v5/account/wallet-balance", "v5/account/transaction-log"
QUOTE = "USDT"
OVERLAP_MS: Ms = 600_000  # executions may be written late
QUIET_MS: Ms = 3_600_000
FIRST_MS: Ms = 86_400_000  # looked back farther at the start
WINDOW_MS: Ms = 7 * 86_400_000 - 1  # the venue answers for seven days at most
TRIES = 4  # of two looks at the positions that agree
TRANSFERS_S = 60.0  # money moved by hand is no hurry
TRANSFER_TYPES = ("TRANSFER_IN", "TRANSFER_OUT")

_log = Log(__name__)


class Span(NamedTuple):
    """Which time the ledger has to hear of: nothing before `began_ms` is of this account."""

    began_ms: Ms
    since_ms: Ms


class Statements:
    """Reads the account; raises `Transient` or `Denied`."""

    def __init__(
        self,
        wire: PrivateWire,
        names: Names,
        now_ms: Callable[[], Ms],
        span: Span,
        sink: Callable[[Event], None],
    ) -> None:
        self._wire = wire
        self._names = names
        self._now_ms = now_ms
        self._began_ms = span.began_ms
        # What came while nobody could ask is not in the ledger, however new that is.
        self._since_ms = self._moved_since_ms = span.since_ms - FIRST_MS
        self._moved_at: float | None = None  # monotonic, of the last look at transfers
        self._newest: dict[str, tuple[Ms, int]] = {}  # symbol -> time and seq of its newest row
        self._sink = sink

    async def read(self) -> AccountSeen:
        """One complete and consistent read; transfers go to the sink."""
        for _ in range(TRIES):
            before = await self._positions()
            orders = await self._orders()
            executions = await self._executions()
            after = await self._positions()
            if _marks(before) == _marks(after) and not self._is_older(after):
                break
        else:
            raise Transient("account: expected two looks at the positions to agree, none did")
        balance = await self._wire.ask(WALLET, {"accountType": "UNIFIED", "coin": QUOTE})
        await self._transfers()
        seen = AccountSeen(
            balance=number(_coin(balance["list"]), "walletBalance"),
            positions=tuple(p for row in after if (p := row.seen()) is not None),
            order_ids=orders,
            fills=tuple(x for x in executions if isinstance(x, Fill)),
            funding=tuple(x for x in executions if isinstance(x, Funding)),
        )
        self._newest |= {row.symbol: (row.updated_ms, row.seq) for row in after}
        quiet_ms = self._now_ms() - QUIET_MS  # nothing is written later than that
        self._since_ms = max([self._since_ms, quiet_ms, *(x.exchange_ms for x in executions)])
        return seen

    def _is_older(self, rows: list[PositionRow]) -> bool:
        """Whether a row is of before what was shown already: reads lag."""
        return any((row.updated_ms, row.seq) < self._newest.get(row.symbol, (0, 0)) for row in rows)

    async def _positions(self) -> list[PositionRow]:
        query = {"category": LINEAR, "settleCoin": QUOTE, "limit": "200"}
        return [position_of(row) for row in await pages(self._wire, POSITIONS, query)]

    async def _orders(self) -> tuple[str, ...]:
        """Ids of ours that work; a state we do not know is not an end."""
        query = {"category": LINEAR, "settleCoin": QUOTE, "limit": "50"}
        rows = [order_of(row) for row in await pages(self._wire, REALTIME, query)]
        ours = [row for row in rows if self._names.purpose_of(row.id) is not None]
        return tuple(row.id for row in ours if row.state in (OrderState.OPEN, None))

    async def _executions(self) -> list[Fill | Funding]:
        """All kinds, each once, oldest first, since the newest that was seen and a little more."""
        found: dict[str, Fill | Funding] = {}
        for start_ms, end_ms in self._windows(self._since_ms):
            query = {"category": LINEAR, "limit": str(PAGE)}
            query |= {"startTime": str(start_ms), "endTime": str(end_ms)}
            rows = await pages(self._wire, EXECUTIONS, query)
            # The venue lists the newest first; what shares a millisecond keeps its order.
            ours = [row for row in reversed(rows) if str(row.get("symbol")).endswith(QUOTE)]
            found |= {x.id: x for x in (execution_of(row, self._names) for row in ours)}
        return sorted(found.values(), key=lambda x: x.exchange_ms)

    async def _transfers(self) -> None:
        """Money that came or went; a key that may not look is told of once.

        What fails here is tried again later: protection must not wait for it.
        """
        now = self._wire.timing.monotonic()
        if self._moved_at is not None and now - self._moved_at < TRANSFERS_S:
            return
        self._moved_at = now  # however it ends, also by a deadline
        rows: list[Row] = []
        try:
            for kind in TRANSFER_TYPES:
                rows += await self._moved(kind)
            seen = [transfer_of(row) for row in rows]
            times = [moment(row, "transactionTime") for row in rows]
        except Denied as denial:
            if self._wire.unread is not None:
                raise  # not the transfers alone
            _log.warning("transfers.unseen", problem=denial)
            self._moved_at = float("inf")
            return
        except ExchangeError as problem:
            _log.warning("transfers.unread", problem=problem)
            return
        for transfer in seen:
            self._sink(transfer)
        self._moved_since_ms = max([self._moved_since_ms, *times])

    async def _moved(self, kind: str) -> list[Row]:
        rows: list[Row] = []
        for start_ms, end_ms in self._windows(self._moved_since_ms):
            query = {"accountType": "UNIFIED", "currency": QUOTE, "type": kind, "limit": "50"}
            query |= {"startTime": str(start_ms), "endTime": str(end_ms)}
            rows += await pages(self._wire, LOG, query, is_optional=True)
        return rows

    def _windows(self, since_ms: Ms) -> Iterator[tuple[Ms, Ms]]:
        """Spans the venue answers for, from then (and a little before) to now."""
        start_ms, now_ms = max(self._began_ms, since_ms - OVERLAP_MS), self._now_ms()
        while start_ms <= now_ms:
            end_ms = min(start_ms + WINDOW_MS, now_ms + OVERLAP_MS)
            yield start_ms, end_ms
            start_ms = end_ms + 1


def _marks(rows: list[PositionRow]) -> list[tuple[object, ...]]:
    return sorted((row.symbol, row.idx, row.seq, row.qty) for row in rows)


def _coin(accounts: list[Row]) -> Row:
    """The row of our money; an account that does not list it has not been read."""
    coins = [coin for account in accounts for coin in account.get("coin") or ()]
    row = next((c for c in coins if isinstance(c, dict) and c.get("coin") == QUOTE), None)
    if row is None:
        raise Transient(f"wallet: expected a row of {QUOTE}, found none")
    return row
