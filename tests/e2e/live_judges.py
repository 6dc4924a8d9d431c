"""What must hold between the exchange's own truth and our journal, whatever was made to go wrong.

It exists apart from any process: two values in, violations out. The exchange's executions are what
happened; what the bot says about itself is only ever compared with them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from e2e.audit import check, doubled

from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.values import Purpose

Json = dict[str, Any]

PROTECT_MS = 10_000  # a position may stand so long without a stop
WORKING = ("New", "PartiallyFilled", "Untriggered", "Triggered", "Created", "Active")
NEAR = Decimal("1e-8")


def signed(row: Mapping[str, Any], qty: str = "execQty") -> Decimal:
    """A quantity of a row, negative for a sale."""
    return Decimal(row[qty]) * (1 if row["side"] == "Buy" else -1)


def trades_only(executions: Iterable[Json]) -> list[Json]:
    """Those that moved a quantity, oldest first."""
    moved = [x for x in executions if x["execType"] != "Funding"]
    return sorted(moved, key=lambda x: (int(x["execTime"]), int(x["seq"])))


def check_executions(truth: Json) -> None:
    """Executions sum to the positions, and nothing of ours crossed zero or grew by an exit."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    check(not doubled(x["execId"] for x in truth["executions"]), "an execution is there twice")
    for row in trades_only(truth["executions"]):
        before = held[row["symbol"]]
        held[row["symbol"]] = after = before + signed(row)
        check(before * after >= 0, f"{row['orderLinkId']} took {row['symbol']} across zero")
        is_exit = row["orderLinkId"][-1:] in ("X", "T")
        grew = abs(after) > abs(before)
        check(not (is_exit and grew), f"{row['orderLinkId']} grew {row['symbol']}")
    shown = {p["symbol"]: signed(p, "size") for p in truth["positions"] if Decimal(p["size"])}
    summed = {symbol: qty for symbol, qty in held.items() if qty}
    check(shown == summed, f"executions make {summed}, the exchange shows {shown}")


def check_intents(truth: Json, records: Sequence[f.Record], name: str) -> None:
    """Each order of ours was in the journal, and no decision became two orders."""
    placed = {r.fact.order.id: r.fact.order for r in records if isinstance(r.fact, f.OrderPlaced)}
    ours = [x for x in truth["orders"] if x["orderLinkId"].startswith(f"{name}-")]
    links = [x["orderLinkId"] for x in ours]
    check(not (twice := doubled(links)), f"{twice} were taken twice")
    strange = [link for link in links if link not in placed]
    check(not strange, f"{strange} are on the exchange and not in the journal")
    arrived = [placed[link] for link in links]
    entered = [order.reason for order in arrived if order.purpose is Purpose.ENTRY]
    check(not (twice := doubled(entered)), f"signals {twice} were entered twice")
    bare = [x["orderLinkId"] for x in ours if x["orderLinkId"][-1] in "XT" and not x["reduceOnly"]]
    check(not bare, f"{bare} were not reduce-only")


def longest_bare_ms(truth: Json) -> int:
    """The longest stretch that any position stood without a stop."""
    lives = (life for lives in truth["unprotected_ms"].values() for life in lives)
    return max((int(life["longest_ms"]) for life in lives), default=0)


def check_protected(truth: Json, slack_ms: int) -> None:
    """No position stood without a stop for longer than allowed; `slack_ms` is one market step."""
    bare = longest_bare_ms(truth)
    check(bare <= PROTECT_MS + slack_ms, f"a position stood {bare} ms without a stop")


def differences(truth: Json, ledger: Ledger, name: str) -> list[str]:
    """What exchange and ledger do not agree on, in words; empty once everything is told."""
    theirs = {p["symbol"]: signed(p, "size") for p in truth["positions"] if Decimal(p["size"])}
    held = [p for p in ledger.positions if p.qty]
    found = []
    if theirs != (ours := {p.symbol: p.side.sign * p.qty for p in held}):
        found.append(f"positions: exchange {theirs}, ledger {ours}")
    stops = {p["symbol"]: p["stopLoss"] for p in truth["positions"] if Decimal(p["size"])}
    for p in held:
        shown = stops.get(p.symbol) or "0"
        if p.stop is None or Decimal(shown) != p.stop:
            found.append(f"stop of {p.symbol}: exchange {shown}, ledger {p.stop}")
    works = {x["orderLinkId"] for x in truth["orders"] if x["orderStatus"] in WORKING}
    works = {link for link in works if link.startswith(f"{name}-")}
    live = {o.order.id for o in ledger.state.orders.values() if o.is_live}
    if works != live:
        found.append(f"orders: exchange {sorted(works - live)}, ledger {sorted(live - works)}")
    off = Decimal(truth["balance"]) - ledger.balance
    if abs(off) > NEAR:
        found.append(f"balance: exchange {truth['balance']}, ledger {ledger.balance}")
    return found
