"""What must hold on disk, however often the bot is killed: a copied directory in, violations out.

It exists apart from the harness so that the checks know nothing of processes. They never use what
the bot says about itself where its facts can be added up instead.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bot.memory import restore
from bot.worlds import _restore_account
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import PAPER, Fill, GateName, OrderKind, OrderState, Purpose
from engine.live.checkpoint import CURRENT, read_checkpoint
from engine.live.journal import Scan, journal_files, read_after
from engine.live.store import FileStore
from engine.sim.matching import Matching

FINEST = Fraction(1, 10**12)  # the cost of a share that was sold is rounded; whole trades never


class Violation(AssertionError):
    """What must never happen has happened."""


class Copy(NamedTuple):
    """A copied state directory as read: its journals, all their records, and what they fold to."""

    folder: Path
    scans: tuple[Scan, ...]
    records: tuple[f.Record, ...]
    ledger: Ledger
    digests: Mapping[int, str]  # of the fold, at the sequence numbers that were asked for
    bare: Mapping[int, frozenset[int]]  # boot -> held, and not shown to be covered in whole

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest record."""
        return self.ledger.seq


def check(is_so: object, words: str) -> None:
    """Say what is wrong unless it is so."""
    if not is_so:
        raise Violation(words)


def read_copy(folder: Path, *marks: int) -> Copy:
    """Read and fold everything; reading proves checksums and that no number is missing."""
    scans = tuple(read_after(journal_files(folder), 0))
    records = tuple(record for scan in scans for record in scan.records)
    ledger, digests, bare = Ledger(), {}, {}
    wanted = {*marks, checkpoint_seq(folder), records[-1].seq if records else 0}
    for record in records:
        ledger.apply(record)
        if record.seq in wanted:
            digests[record.seq] = ledger.digest()
        if isinstance(record.fact, f.Booted):
            held = (p for p in ledger.positions if p.qty)
            bare[record.fact.boot] = frozenset(p.id for p in held if p.exposed_ms is not None)
    return Copy(folder, scans, records, ledger, digests, bare)


def read_journals(folder: Path) -> tuple[f.Record, ...]:
    """Every record of a directory, proven undamaged; changes nothing."""
    return tuple(r for scan in read_after(journal_files(folder), 0) for r in scan.records)


def checkpoint_seq(folder: Path) -> int:
    """The record the newest checkpoint stands at; 0 = there is none."""
    path = folder / CURRENT
    return read_checkpoint(path).seq if path.exists() else 0


def check_grown(old: Copy, new: Copy) -> None:
    """All that was there is there, byte for byte; only a tail never acknowledged may be gone."""
    for scan in old.scans:
        path = new.folder / scan.file.path.name
        check(path.exists(), f"{path.name} is gone")
        before = scan.file.path.read_bytes()[: scan.end]
        check(path.read_bytes()[: scan.end] == before, f"{path.name} changed before {scan.end}")
    seq = old.last_seq
    if seq:
        check(new.digests.get(seq) == old.digests[seq], f"fold up to {seq} gives another ledger")


def check_acknowledged(copy: Copy, lines: Iterable[str]) -> None:
    """Every record the process spoke of is on disk: it speaks after the disk said yes."""
    spoken = [int(m[1]) for line in lines if (m := re.search(r" seq=(\d+) at_ms=", line))]
    said = max(spoken, default=0)
    check(said <= copy.last_seq, f"record {said} was logged, the journal ends at {copy.last_seq}")


def check_rebuilt(copy: Copy, settings: Settings) -> None:
    """What the next process starts from, checkpoint and paper account, is what the facts fold to.

    It opens the copy as the bot does, and so may cut a torn tail off it.
    """
    store = FileStore(copy.folder, PAPER)
    try:
        ledger = restore(store)
    finally:
        store.close()
    check(
        ledger.digest() == copy.ledger.digest(), "checkpoint and newer facts differ from the fold"
    )
    matching = Matching(Decimal(0), Decimal(0))
    _restore_account(matching, ledger, settings)
    account = matching.account()
    if ledger.seq:
        check(
            account.balance == copy.ledger.balance,
            f"the paper account has {account.balance}, the fold {copy.ledger.balance}",
        )
    shown = {(p.symbol, p.side, p.qty, p.stop) for p in account.positions}
    open_ones = [p for p in copy.ledger.positions if p.qty]
    held = {(p.symbol, p.side, p.qty, p.stop or p.asked_stop) for p in open_ones}
    check(shown == held, f"the paper account holds {shown}, the fold {held}")
    check(
        set(account.order_ids) == {o.order.id for o in resting(copy.ledger)},
        f"the paper account works {account.order_ids}",
    )


def resting(ledger: Ledger) -> list[Any]:
    """Live targets of what is held."""
    held = {p.id for p in ledger.positions if p.qty}
    return [
        o
        for o in ledger.state.orders.values()
        if o.is_live and o.order.kind is OrderKind.LIMIT and o.order.position_id in held
    ]


def in_flight(ledger: Ledger) -> list[Any]:
    """Orders sent whose end is not known, targets that rest on the exchange aside."""
    at_rest = (OrderKind.LIMIT, OrderState.OPEN)
    live = (o for o in ledger.state.orders.values() if o.is_live)
    return [o for o in live if (o.order.kind, o.state) != at_rest]


def check_checkpoint(copy: Copy) -> int:
    """What the process itself took for its state is the fold up to there; the record it was at."""
    path = copy.folder / CURRENT
    if not path.exists():
        return 0
    checkpoint = read_checkpoint(path)
    digest = Ledger.load(checkpoint.state).digest()
    words = f"the process's ledger at {checkpoint.seq} differs from the fold up to there"
    check(digest == copy.digests.get(checkpoint.seq), words)
    return checkpoint.seq


def first_reads(copy: Copy) -> dict[int, int]:
    """Boot -> record of its first comparison with the account: they agree.

    All it may learn is that a stop covers what a fill brought, where that answer was cut off.
    """
    found: dict[int, int] = {}
    boot = 0
    for record in copy.records:
        match record.fact:
            case f.Booted(boot=boot):
                pass
            case f.Reconciled(corrections=words) if boot not in found:
                known = tuple(f"stop of #{number} is " for number in copy.bare[boot])
                strange = [w for w in words if not w.startswith(known)]
                check(not strange, f"boot {boot} had to correct {strange}")
                found[boot] = record.seq
            case f.Incident(code="position_mismatch", detail=detail):
                raise Violation(f"boot {boot}: {detail}")
    return found


def first_words(facts: Iterable[f.Fact]) -> list[f.Reconciled]:
    """The first comparison of each boot that came so far."""
    found: list[f.Reconciled] = []
    is_new = False
    for fact in facts:
        is_new = is_new or isinstance(fact, f.Booted)
        if is_new and isinstance(fact, f.Reconciled):
            found.append(fact)
            is_new = False
    return found


class Trade(msgspec.Struct):
    """A position as its facts alone tell it."""

    fills: list[Fill] = msgspec.field(default_factory=list)
    funding: Decimal = Decimal(0)
    closed: f.PositionClosed | None = None

    @property
    def held(self) -> Decimal:
        """Signed quantity, bought minus sold."""
        return sum((x.side.sign * x.qty for x in self.fills), Decimal(0))

    @property
    def flow(self) -> Decimal:
        """Cash that came in, costs taken off; exact."""
        cash = (-x.side.sign * x.price * x.qty - x.fee for x in self.fills)
        return sum(cash, Decimal(0)) - self.funding

    @property
    def cost(self) -> Fraction:
        """What the held quantity cost on average, signed as the holding is; not rounded."""
        held, cost = Fraction(0), Fraction(0)
        for fill in self.fills:
            qty = fill.side.sign * Fraction(fill.qty)
            cost += qty * Fraction(fill.price) if fill.purpose.is_growing else cost * qty / held
            held += qty
        return cost


def trades_of(records: Iterable[f.Record]) -> dict[int, Trade]:
    """Every position there ever was."""
    trades: dict[int, Trade] = defaultdict(Trade)
    for record in records:
        match record.fact:
            case f.OrderFilled(position_id=number, fill=fill):
                trades[number].fills.append(fill)
            case f.FundingPaid(position_id=int(number), funding=paid):
                trades[number].funding += paid.amount
            case f.PositionClosed(position_id=number) as fact:
                trades[number].closed = fact
    return trades


def deposits(records: Iterable[f.Record]) -> Decimal:
    """What came in and went out without a trade."""
    total = Decimal(0)
    for record in records:
        match record.fact:
            case f.Funded(balance=amount) | f.Transferred(amount=amount):
                total += amount
            case f.FundingPaid(position_id=None, funding=paid):
                total -= paid.amount
    return total


def check_money(copy: Copy) -> None:
    """Start + nets of closed trades + what open ones realized - fees - funding = balance."""
    ledger, trades, settled = copy.ledger, trades_of(copy.records), deposits(copy.records)
    realized = Fraction(0)
    for number, trade in trades.items():
        if trade.closed is None:
            realized += Fraction(trade.flow) + trade.cost
            continue
        net = trade.closed.net
        check(trade.held == 0, f"#{number} closed with {trade.held} left")
        check(net == trade.flow, f"#{number}: net {net}, its fills give {trade.flow}")
        settled += net
    check(ledger.state.settled == settled, f"settled {ledger.state.settled}, facts give {settled}")
    off = abs(Fraction(ledger.balance) - Fraction(settled) - realized)
    check(off < FINEST, f"balance {ledger.balance} is off by {float(off)}")
    held = {number: t.held for number, t in trades.items() if t.held}
    ours = {p.id: p.side.sign * p.qty for p in ledger.positions if p.qty}
    check(held == ours, f"fills sum to {held}, the ledger holds {ours}")


def check_once(records: Sequence[f.Record]) -> None:
    """No fill, order, entry, signal or boot twice."""
    facts = [record.fact for record in records]
    placed = [x.order for x in facts if isinstance(x, f.OrderPlaced)]
    kinds: dict[str, list[Any]] = {
        "fill": [x.fill.id for x in facts if isinstance(x, f.OrderFilled)],
        "order": [x.id for x in placed],
        "entry of signal": [x.reason for x in placed if x.purpose is Purpose.ENTRY],
        "signal": [x.signal.id for x in facts if isinstance(x, f.SignalTaken)],
        "close of": [x.position_id for x in facts if isinstance(x, f.PositionClosed)],
        "funding": [x.funding.id for x in facts if isinstance(x, f.FundingPaid)],
        "boot": [x.boot for x in facts if isinstance(x, f.Booted)],
        "notice of": [(x.chat_id, x.of_seq) for x in facts if isinstance(x, f.NoticeSent)],
    }
    for name, keys in kinds.items():
        check(not (twice := doubled(keys)), f"{name} {twice} is there twice")
    known = {order.id for order in placed}
    fills = [x.fill for x in facts if isinstance(x, f.OrderFilled)]
    strange = [x.id for x in fills if x.purpose is not Purpose.STOP and x.order_id not in known]
    check(not strange, f"fills {strange} are of no order of ours")


def doubled(keys: Iterable[Any]) -> list[Any]:
    """What appears more than once."""
    return [key for key, count in Counter(keys).items() if count > 1]


def check_files(old: Copy | None, new: Copy) -> None:
    """Everything above that needs no process, in one go."""
    if old is not None:
        check_grown(old, new)
    check_once(new.records)
    check_money(new)


def is_paused(ledger: Ledger) -> bool:
    """Whether entries are off until a person says otherwise."""
    return any(name in ledger.state.gates for name in (GateName.OPERATOR, GateName.KILL_SWITCH))
