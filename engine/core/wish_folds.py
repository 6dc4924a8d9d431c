"""The folds of what people want for good.

They exist apart from the others for length alone, and obey the same rule: the fact and its record
say everything.
"""

from decimal import Decimal

from engine.core import wish_facts as w
from engine.core.facts import Record
from engine.core.folds import fold
from engine.core.state import Barred, State, Watched
from engine.core.values import exact

fold_record = fold  # whoever reads this module has every fold registered


def watch_key(symbol: str, price: Decimal | None) -> str:
    """What a watch is remembered by: one a symbol for its levels, one for each price."""
    return symbol if price is None else f"{symbol} {price.normalize():f}"


@fold.register
def _tuned(fact: w.Tuned, state: State, _record: Record) -> None:
    for key, value in fact.changes:
        state.tuned.pop(key, None)
        if value:
            state.tuned[key] = value


@fold.register
def _limit_held(fact: w.LimitHeld, state: State, _record: Record) -> None:
    state.limit_held = fact.limit_pct


@fold.register
def _symbol_barred(fact: w.SymbolBarred, state: State, record: Record) -> None:
    state.barred.pop(fact.symbol, None)
    if fact.is_on:
        barred = Barred(fact.by, fact.reason, record.at_ms, fact.until_ms)
        state.barred[fact.symbol] = barred


@fold.register
def _symbol_watched(fact: w.SymbolWatched, state: State, record: Record) -> None:
    key = watch_key(fact.symbol, fact.price)
    state.watching.pop(key, None)
    if fact.is_on:
        is_above = (
            None if fact.price is None or fact.last is None else exact(fact.last) >= fact.price
        )
        state.watching[key] = Watched(fact.symbol, fact.by, record.at_ms, fact.price, is_above)


@fold.register
def _alert_raised(fact: w.AlertRaised, state: State, record: Record) -> None:
    watched = state.watching.get(watch_key(fact.symbol, fact.asked))
    if watched is None:
        return
    watched.told_ms = record.at_ms
    if fact.asked is not None:
        watched.is_above = exact(fact.last) >= fact.asked


@fold.register
def _target_taken(fact: w.TargetTaken, state: State, _record: Record) -> None:
    state.positions[fact.position_id].rungs[fact.rank - 1].is_taken = True


@fold.register
def _target_cut(fact: w.TargetCut, state: State, _record: Record) -> None:
    state.positions[fact.position_id].rungs[fact.rank - 1].cut_qty += fact.qty
