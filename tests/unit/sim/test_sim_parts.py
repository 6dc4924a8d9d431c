"""The small parts of the simulated world, each by itself."""

import msgspec
import numpy as np
import pytest
from hearings import NOW, Hearing

from builders import INSTRUMENT, T0, D, order
from engine.consistency import RULES
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.engine import Engine
from engine.core.facts import Record
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import Bar, Purpose, Refusal, Side
from engine.sim.clockwork import Clockwork, Rank
from engine.sim.disk import Disk, DiskRefused
from engine.sim.draw import draw
from engine.sim.faults import CALM_EVERY, RATES, Faults, Kind, happens
from engine.sim.life import Life
from engine.sim.operator import Operator
from engine.sim.prices import Path, breakout, upside_down
from engine.sim.strategy import Guess
from engine.sim.street import Street
from engine.sim.wire import failure, refused
from series import g, market_of

FUNDED = Record(1, T0, f.Funded(D(5)))


def alive(disk: Disk) -> Life:
    return Life(Engine(Settings(), Ledger(), "paper"), disk, T0)


# -- time --------------------------------------------------------------------------------------


def test_equal_times_go_by_rank_then_by_order() -> None:
    done: list[str] = []
    work = Clockwork(100)

    def put(at_ms: int, rank: Rank, name: str) -> None:
        work.at(at_ms, rank, lambda: done.append(f"{work.now} {name}"))

    put(120, Rank.MARKET, "quote")
    put(120, Rank.ANSWER, "first")
    put(120, Rank.ANSWER, "second")
    put(50, Rank.TIME, "overdue")
    put(130, Rank.VENUE, "later")
    work.after(5, Rank.VENUE, lambda: put(0, Rank.PERSON, "then"))
    work.run_until(130)
    assert done == ["100 overdue", "105 then", "120 first", "120 second", "120 quote"]
    assert work.now == 130


# -- faults ------------------------------------------------------------------------------------


def test_one_seed_of_many_has_no_faults() -> None:
    assert not any(Faults(CALM_EVERY).rates.values())
    assert any(Faults(CALM_EVERY + 1).rates.values())


def test_a_fault_strikes_at_its_rate_and_is_counted() -> None:
    faults = Faults(1)
    faults.rates[Kind.MUTE], faults.rates[Kind.ADL] = 1.0, 0.0
    assert faults.hits(Kind.MUTE)
    assert not faults.hits(Kind.ADL)
    assert faults.struck == {Kind.MUTE: 1}
    faults.is_on = False
    assert not faults.hits(Kind.MUTE)


def test_faults_excuse_a_symbol_or_all_of_them() -> None:
    faults = Faults(1)
    faults.excuse("SOLUSDT", 50)
    faults.excuse("SOLUSDT", 40)
    assert [faults.excused_until(s) for s in ("SOLUSDT", "ETHUSDT")] == [50, 0]
    faults.excuse("", 60)
    assert [faults.excused_until(s) for s in ("SOLUSDT", "ETHUSDT")] == [60, 60]


def test_every_kind_has_a_rate_and_a_share_is_a_share() -> None:
    assert set(RATES) == set(Kind)
    dice = Faults(1).dice
    assert sum(happens(dice, 0.3) for _ in range(1000)) in range(250, 350)


# -- disk and life -----------------------------------------------------------------------------


def test_a_full_disk_takes_nothing() -> None:
    disk = Disk()
    disk.append([FUNDED])
    disk.is_full = True
    with pytest.raises(DiskRefused):
        disk.append([Record(2, T0, f.Funded(D(1)))])
    assert (len(disk.lines), disk.load().balance) == (1, D(5))


def test_checkpoint_and_journal_make_the_ledger() -> None:
    disk, ledger = Disk(), Ledger()
    placed = Record(2, T0, f.OrderPlaced(order()))
    for record in (FUNDED, placed):
        disk.append([record])
        ledger.apply(record)
        disk.checkpoint(ledger)
    disk.append([Record(3, T0, f.Funded(D(2)))])
    assert disk.load().digest() == disk.replay().digest()
    assert disk.load().balance == D(7)
    assert disk.order_ids == {"alpha-1-1E"}
    with pytest.raises(AssertionError, match="ahead"):
        disk.checkpoint(ledger)


def test_records_wait_for_the_disk_and_the_engine_hears_of_it() -> None:
    disk = Disk()
    life = alive(disk)
    assert life.save(e.Tick(), ())
    disk.is_full = True
    assert not life.save(e.Tick(), (FUNDED,))
    assert not life.save(e.StreamUp(()), ())
    assert not life.save(e.Tick(), ())
    disk.is_full = False
    assert not life.save(e.StreamUp(()), ())  # asked again with a tick or a record alone
    assert life.save(e.Tick(), ())
    assert life.outbox == [e.DiskSeen("no space left on device"), e.DiskSeen(None)]
    assert disk.records == [FUNDED]


def test_without_a_journal_nothing_that_grows_leaves() -> None:
    life = alive(Disk())
    entry, way_out = i.PlaceOrder(order()), i.PlaceOrder(order(Purpose.EXIT))
    assert life.allowed((entry, way_out), is_saved=False) == (way_out,)
    assert life.outbox == [e.OrderRefused(entry.order.id, Refusal.OTHER, "journal not written")]
    assert life.allowed((entry, way_out), is_saved=True) == (entry, way_out)


def test_a_sleeper_hears_the_account_first_and_only_the_newest_quotes() -> None:
    life = alive(Disk())
    old, new = (e.QuoteSeen("SOLUSDT", 1.0, 1.1, 1.0, at) for at in (1, 2))
    pause = e.Pause(command_id="c1", by="@ann")
    bars = e.CandlesClosed(())
    life.is_asleep = True
    for event in (old, bars, e.Tick(), pause, new, e.OrderMissing("x")):
        life.wait(event)
    assert life.wake() == [e.OrderMissing("x"), pause, new, bars, e.Tick()]
    assert life.wake() == []


# -- what is drawn -----------------------------------------------------------------------------


def test_what_is_drawn_could_stand_in_a_config_file() -> None:
    for seed in range(60):
        settings = draw(seed).settings
        assert [words for rule in RULES if (words := rule.broken(settings))] == []
        assert msgspec.convert(msgspec.to_builtins(settings), Settings) == settings


def test_both_strategies_and_both_kinds_of_account_are_drawn() -> None:
    drawn = [draw(seed) for seed in range(40)]
    assert {s.is_scripted for s in drawn} == {s.outlives for s in drawn} == {True, False}
    assert {len(s.instruments) for s in drawn} == {2, 3, 4, 5, 6}
    assert {len(s.settings.exits.targets) for s in drawn} == {1, 2, 3, 4, 6}


def test_the_scripted_breakout_is_the_golden_one() -> None:
    series, golden = breakout(300), g()[1][:, :301]
    assert np.array_equal(series[1:, 20:], golden[1:, 20:])
    assert np.allclose(upside_down(upside_down(series)), series)


@pytest.mark.parametrize("is_short", [False, True])
def test_a_scripted_path_walks_through_its_candles(is_short: bool) -> None:  # noqa: FBT001
    path = Path(1, INSTRUMENT, 102.0, 300_000)
    path.follow(T0 - T0 % 300_000, 1, is_short=is_short)
    start = path.bars[-1].open_ms + 300_000
    seen = [path.move(start + k * 75_000).last for k in range(8)]
    bars = [path.close(start), path.close(start + 300_000)]
    for bar, prices in zip(bars, (seen[:4], seen[4:]), strict=True):
        assert abs(prices[0] - bar.open) < 0.5
        assert prices[-1] == bar.close
        assert set(prices) <= {prices[0], bar.high, bar.low, bar.close}
    times, values = path.history(start)
    assert (times.tolist(), values.shape) == ([start, start + 300_000], (2, 5))


# -- signals and people ------------------------------------------------------------------------


def guess(open_ms: int, at_ms: int, sides: str = "long") -> list[str]:
    market = market_of({"SOLUSDT": g(301), "ETHUSDT": g(300)}, Settings())
    settings = msgspec.structs.replace(
        Settings(), signals=msgspec.structs.replace(Settings().signals, sides=sides)
    )
    batch = Guess(3, 1.0, 2 * T0)(market, ("SOLUSDT", "ETHUSDT"), open_ms, at_ms, settings)
    assert [v.symbol for v in batch.verdicts] == ["SOLUSDT"]
    return [signal.id.rsplit(":", 1)[1] for signal in batch.signals]


def test_a_guess_depends_on_nothing_but_seed_symbol_and_bar() -> None:
    newest = int(g(301)[0][-1])
    closed = newest + 300_000
    assert guess(newest, closed) == guess(newest, closed + 9_000) == ["LONG"]
    assert guess(newest, closed, "short") == ["SHORT"]
    assert guess(newest, closed, "both")[0] in ("LONG", "SHORT")
    assert guess(newest, closed + 30_001) == []  # too old to open anything


def test_people_do_everything_sooner_or_later() -> None:
    hearing, faults = Hearing(), Faults(1)
    faults.rates[Kind.COMMAND_AGAIN] = faults.rates[Kind.COMMAND_LATE] = 0.2
    operator = Operator(faults)
    seen = [operator.command(hearing.ledger, NOW) for _ in range(200)]
    assert {type(x).__name__ for x in seen} == {
        "Pause", "Resume", "Stop", "Close", "MoveStop", "TakeTarget", "Panic",
    }  # fmt: skip
    about = [x for x in seen if isinstance(x, e.Close | e.MoveStop)]
    assert {x.position_id for x in about} == {1, 99, 100, 101, 102}
    assert len({x.command_id for x in seen}) < len(seen)
    prices = [x.price for x in about if isinstance(x, e.MoveStop)]
    assert {price % INSTRUMENT.tick == 0 for price in prices} == {True, False}


# -- the market and the way --------------------------------------------------------------------


def test_an_intent_nobody_carries_out_is_a_defect() -> None:
    street = Street(Clockwork(T0), {}, Faults(0), lambda _, __: None)
    with pytest.raises(AssertionError, match="nobody carries out"):
        street.read(alive(Disk()), i.FetchAccount())


def test_only_what_is_subscribed_is_heard_and_cut() -> None:
    heard: list[e.Event] = []
    path = Path(1, INSTRUMENT, 100.0, 300_000)
    work, faults = Clockwork(T0), Faults(0)
    street = Street(work, {"SOLUSDT": path}, faults, lambda _, event: heard.append(event))
    life, quote = alive(Disk()), path.move(T0)
    bar = Bar("SOLUSDT", T0, 1.0, 1.0, 1.0, 1.0, 1.0)
    street.quote(life, quote)
    street.close(life, [bar])
    street.cut(life, ["SOLUSDT"], 100)
    assert heard == []
    street.read(life, i.Subscribe(("SOLUSDT",)))
    street.quote(life, quote)
    street.close(life, [bar])
    street.cut(life, ["SOLUSDT"], 100)
    street.quote(life, quote)
    street.heal(life)
    street.mute("SOLUSDT", 50)
    street.quote(life, quote)
    street.heal(life)
    down = e.StreamDown(("SOLUSDT",), "connection closed")
    listed, up = e.InstrumentsLoaded((INSTRUMENT,)), e.StreamUp(("SOLUSDT",))
    assert heard == [quote, e.CandlesClosed((bar,)), down, up, listed, listed]


ENTRY, FUNDS = order(), Refusal.FUNDS


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        (i.PlaceOrder(ENTRY), e.OrderUnknown(ENTRY.id, "gone")),
        (i.CancelOrder(ENTRY), e.FetchFailed(f"cancel {ENTRY.id}", "gone")),
        (i.FindOrder(ENTRY), e.FetchFailed(f"find {ENTRY.id}", "gone")),
        (i.SetStop(1, "SOLUSDT", Side.LONG, D(98)), e.StopUnknown(1, D(98), "gone")),
        (i.FetchAccount(), e.FetchFailed("account", "gone")),
    ],
)
def test_every_request_can_end_without_an_answer(intent: i.Intent, expected: e.Event) -> None:
    assert failure(intent, "gone") == expected


def test_only_what_can_be_refused_is_refused() -> None:
    stop = i.SetStop(1, "SOLUSDT", Side.LONG, D(98))
    assert refused(i.PlaceOrder(ENTRY), FUNDS) == e.OrderRefused(ENTRY.id, FUNDS, "as drawn")
    assert refused(stop, FUNDS) == e.StopRefused(1, D(98), "as drawn")
    assert refused(i.CancelOrder(ENTRY), FUNDS) == e.FetchFailed(f"cancel {ENTRY.id}", "refused")
