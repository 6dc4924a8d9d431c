"""What people want for good: settings, markets never traded; judged in the core, kept as facts."""

import msgspec
import pytest

from builders import INSTRUMENT, D
from engine.core import events as e
from engine.core import facts as f
from engine.core import recall, tuning, wishes
from engine.core import wish_events as we
from engine.core import wish_facts as w
from engine.core.ledger import Ledger
from engine.core.settings import Bot, Market, Settings
from engine.core.terms import Caps, Exits, Risk
from engine.core.values import GateName, Purpose
from engine.core.view import BarredView
from world import BREAK_MS, SETTINGS, World, entered, entering, instruments

DAY_MS = 86_400_000


def started(*symbols: str) -> World:
    world = World(instruments=instruments(*symbols)) if symbols else World()
    world.start()
    return world


def words(world: World, command: e.Command) -> tuple[str, str]:
    """The verdict on a command and its words."""
    facts = [r.fact for r in world.feed(command)]
    refused = [x.reason for x in facts if isinstance(x, f.CommandRefused)]
    done = [x.detail for x in facts if isinstance(x, f.CommandDone)]
    return ("refused", refused[0]) if refused else ("done", done[0])


def risky(**changes: object) -> Settings:
    return msgspec.structs.replace(SETTINGS, risk=msgspec.structs.replace(SETTINGS.risk, **changes))


def tune(settings: Settings, *changes: tuple[str, str], key: str = "t") -> we.Tune:
    return we.Tune(command_id=key, by="@ann", changes=changes, settings=settings)


def limit(percent: float, key: str = "t") -> we.Tune:
    value = str(percent)
    return tune(risky(daily_loss_limit_pct=percent), (tuning.DAY_LIMIT, value), key=key)


def bar(symbol: str = "SOLUSDT", key: str = "b", **changes: object) -> we.BarSymbol:
    fields = {"command_id": key, "by": "@ann", "symbol": symbol, **changes}
    return we.BarSymbol(**fields)  # type: ignore[arg-type] # fields are the caller's


# Settings


def test_values_hold_at_once_and_are_kept() -> None:
    world = started()
    slots = ("risk.max_open_positions", "2")
    said = words(world, tune(risky(max_open_positions=2), slots))
    assert said == ("done", "risk.max_open_positions: 3 -> 2")
    assert world.engine.settings.risk.max_open_positions == 2
    assert world.facts(w.Tuned) == [w.Tuned((slots,), "@ann")]
    assert world.engine.view().tuned == dict([slots])
    assert Ledger.load(world.engine.ledger.dump()).state.tuned == dict([slots])
    back = tune(SETTINGS, (slots[0], ""), key="u")
    assert words(world, back) == ("done", "risk.max_open_positions: 2 -> 3")
    assert world.engine.view().tuned == {}
    assert world.engine.settings == SETTINGS
    again = tune(SETTINGS, (slots[0], "3"), key="v")
    assert words(world, again) == ("done", "risk.max_open_positions stays 3")


@pytest.mark.parametrize(
    ("settings", "key", "problem"),
    [
        (SETTINGS, "caps.leverage", "caps.leverage is set in the file only"),
        (SETTINGS, "bot.name", "bot.name is set in the file only"),
        (SETTINGS, "exchange.rest_url", "exchange.rest_url is set in the file only"),
        (
            msgspec.structs.replace(SETTINGS, caps=Caps(leverage=20)),
            "risk.leverage_max",
            "caps is set in the file only",
        ),
        (
            risky(leverage_max=5),
            "risk.leverage_max",
            "risk.leverage_max: expected at most 3, the cap of the file, found 5",
        ),
        (
            risky(risk_per_trade_pct=2.6),
            "risk.risk_per_trade_pct",
            "risk.risk_per_trade_pct: expected at most 2.5, the cap of the file, found 2.6",
        ),
        (
            risky(daily_loss_limit_pct=11),
            tuning.DAY_LIMIT,
            f"{tuning.DAY_LIMIT}: expected at most 10, the cap of the file, found 11",
        ),
    ],
)
def test_caps_hold_whatever_the_chat_let_through(
    settings: Settings, key: str, problem: str
) -> None:
    world = started()
    assert words(world, tune(settings, (key, "1"))) == ("refused", problem)
    assert world.engine.settings == SETTINGS
    assert world.facts(w.Tuned) == []


def test_values_are_not_collected_without_end() -> None:
    many = tuple((f"risk.k{n}", "1") for n in range(wishes.TUNED_MAX + 1))
    said = words(started(), tune(SETTINGS, *many))
    assert said == ("refused", "expected at most 200 chosen values, found them all used")


def test_another_frame_waits_for_a_start_with_nothing_open() -> None:
    slow = msgspec.structs.replace(SETTINGS, market=Market(frame_s=900))
    wish = tune(slow, (tuning.FRAME, "900"))
    said = words(entered(), wish)
    assert said == ("refused", "its bars are 900 s, now 300 s: close #1 SOLUSDT first")
    world = started()
    told = ("done", "market.frame_s: 300 -> 900 from the next start on")
    assert words(world, wish) == told
    assert world.engine.settings.market.frame_s == 300
    assert world.engine.view().tuned == {tuning.FRAME: "900"}


# The daily limit


def test_a_looser_daily_limit_waits_for_the_next_day() -> None:
    world = started()
    said = words(world, limit(9.5))
    assert said == ("done", f"{tuning.DAY_LIMIT}: 8 -> 9.5 from the next day on")
    assert world.facts(w.LimitHeld) == [w.LimitHeld(8.0, "@ann")]
    assert world.engine.settings.risk.daily_loss_limit_pct == 8
    assert world.engine.view().next_day == {tuning.DAY_LIMIT: 9.5}
    world.wait(DAY_MS)
    assert world.engine.settings.risk.daily_loss_limit_pct == 9.5
    assert world.engine.view().next_day == {}
    assert world.engine.ledger.state.limit_held is None


def test_it_waits_over_a_restart_too() -> None:
    world = started()
    world.feed(limit(9.5))
    wanted = risky(daily_loss_limit_pct=9.5)
    again = World(wanted, ledger=world.engine.ledger)
    again.now = world.now
    again.start()
    assert again.engine.settings.risk.daily_loss_limit_pct == 8
    again.wait(DAY_MS)
    assert again.engine.settings.risk.daily_loss_limit_pct == 9.5


def test_tightening_holds_at_once_and_taking_it_back_waits() -> None:
    world = started()
    assert words(world, limit(5.0)) == ("done", f"{tuning.DAY_LIMIT}: 8 -> 5")
    assert world.engine.settings.risk.daily_loss_limit_pct == 5
    world.feed(limit(8.0, "u"))
    assert world.engine.settings.risk.daily_loss_limit_pct == 5
    world.feed(limit(9.0, "v"))  # held already: no other fact
    assert [x.limit_pct for x in world.facts(w.LimitHeld)] == [5.0]
    world.feed(limit(4.0, "x"))
    assert world.engine.settings.risk.daily_loss_limit_pct == 4
    assert world.engine.view().next_day == {}


def test_a_trade_never_risks_more_than_the_day_that_is_held() -> None:
    settings = Settings(risk=Risk(risk_per_trade_pct=2.0, daily_loss_limit_pct=8))
    assert tuning.clamped(settings, None) is settings
    assert tuning.clamped(settings, 8.0) is settings
    held = tuning.clamped(settings, 1.0).risk
    assert (held.risk_per_trade_pct, held.daily_loss_limit_pct) == (1.0, 1.0)


def test_a_preset_is_no_way_around_the_day() -> None:
    world = started()
    loose = msgspec.structs.replace(
        risky(daily_loss_limit_pct=10, risk_per_trade_pct=2.5), bot=Bot(preset="aggressive")
    )
    wish = e.UsePreset(command_id="p", by="@ann", name="aggressive", settings=loose)
    world.feed(wish)
    assert world.engine.settings.bot.preset == "aggressive"
    assert world.engine.settings.risk.daily_loss_limit_pct == 8
    assert world.engine.view().next_day == {tuning.DAY_LIMIT: 10}


@pytest.mark.parametrize(
    ("key", "changes", "is_safer"),
    [
        ("risk.max_open_positions", {"max_open_positions": 2}, True),
        ("risk.max_open_positions", {"max_open_positions": 4}, False),
        ("risk.kill_switch_pct", {"kill_switch_pct": 10.0}, False),
        (tuning.DAY_LIMIT, {"daily_loss_limit_pct": 5.0}, True),
    ],
)
def test_what_only_reduces_risk(key: str, changes: dict[str, object], *, is_safer: bool) -> None:
    assert tuning.is_safer(key, SETTINGS, risky(**changes)) is is_safer


def test_a_longer_cooldown_is_safer_and_keys_of_no_direction_are_not() -> None:
    signals = msgspec.structs.replace(SETTINGS.signals, cooldown_s=3600)
    longer = msgspec.structs.replace(SETTINGS, signals=signals, exits=Exits(trail_atr=1))
    assert tuning.is_safer("signals.cooldown_s", SETTINGS, longer)
    assert not tuning.is_safer("signals.cooldown_s", longer, SETTINGS)
    assert not tuning.is_safer("exits.trail_atr", SETTINGS, longer)


def test_values_that_fit_no_more_lock_entries_at_the_start() -> None:
    world = World()
    world.feed(e.Started("test", "paper", was_clean=True, balance=D(10_000), untuned="x: bad"))
    told = "values chosen in the chat do not fit the configuration: x: bad"
    assert [(x.code, x.detail) for x in world.facts(f.Incident)] == [("settings_refused", told)]
    assert world.engine.ledger.state.gates[GateName.OPERATOR].why == recall.OTHER_VALUES


# Markets never traded


def test_a_barred_symbol_leaves_the_universe_and_comes_back() -> None:
    world = started("SOLUSDT", "ETHUSDT")
    assert world.engine.view().universe == ("SOLUSDT", "ETHUSDT")
    wish = bar(reason="thin", until_ms=world.now + 60_000)
    assert words(world, wish) == ("done", "nothing is entered in SOLUSDT")
    view = world.engine.view()
    assert view.universe == ("ETHUSDT",)
    assert view.barred == (BarredView("SOLUSDT", "@ann", "thin", world.now, world.now + 60_000),)
    world.wait(59_000)
    assert world.engine.view().universe == ("ETHUSDT",)
    world.wait(1000)
    assert world.engine.view().universe == ("SOLUSDT", "ETHUSDT")
    assert world.engine.view().barred == ()
    ended = world.facts(w.SymbolBarred)[-1]
    assert (ended.by, ended.reason, ended.is_on) == ("engine", "its time is over", False)


def test_a_barred_symbol_can_be_let_go_once() -> None:
    world = started()
    world.feed(bar())
    assert words(world, bar(key="c", is_on=False)) == ("done", "SOLUSDT may be traded again")
    told = ("refused", "SOLUSDT is not on the list of the chat")
    assert words(world, bar(key="d", is_on=False)) == told


def test_what_is_open_stays_managed_and_gets_no_more() -> None:
    world = entered()
    said = words(world, bar())
    assert said == ("done", "nothing is entered in SOLUSDT; #1 stays managed")
    assert world.engine.view().universe == ("SOLUSDT",)
    before = len(world.engine.ledger.state.orders)
    world.quote(104.2, 104.21, 104.2)
    world.bar(104.2)
    orders = world.engine.ledger.state.orders.values()
    assert not any(o.order.purpose is Purpose.ADDON for o in orders)
    assert len(orders) == before
    assert world.engine.ledger.positions[0].stop is not None


def test_an_entry_under_way_is_canceled() -> None:
    world = entering()
    world.is_cut_off = False
    world.feed(bar())
    world.feed(e.Tick())
    assert [x.reason for x in world.facts(f.CancelAsked)] == ["blacklisted"]


def test_nothing_is_entered_in_a_barred_symbol_that_is_still_judged() -> None:
    world = started()
    ledger = world.engine.ledger
    record = f.Record(ledger.seq + 1, BREAK_MS, w.SymbolBarred("SOLUSDT", "@ann"))
    ledger.apply(record)  # told, and the universe not chosen anew yet
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300)
    [skipped] = world.facts(f.SignalSkipped)
    assert (skipped.check, skipped.reason) == ("busy", "busy: it is on the blacklist")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"symbol": "NOPEUSDT"}, "NOPEUSDT is not traded here"),
        ({"until_ms": 1}, "the end of that has passed already"),
        ({"reason": "x" * 201}, "expected a reason of at most 200 characters, found more"),
    ],
)
def test_what_cannot_be_barred(changes: dict[str, object], problem: str) -> None:
    assert words(started(), bar(**changes)) == ("refused", problem)  # type: ignore[arg-type] # fields


def test_the_list_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "BARRED_MAX", 1)
    world = started("SOLUSDT", "ETHUSDT")
    world.feed(bar())
    told = ("refused", "1 symbols are on the list already")
    assert words(world, bar("ETHUSDT", key="c")) == told
    assert words(world, bar(key="d", reason="again"))[0] == "done"


def test_the_same_command_again_changes_nothing() -> None:
    world = started()
    world.feed(bar())
    count = len(world.facts(w.SymbolBarred))
    assert words(world, bar()) == ("done", "nothing is entered in SOLUSDT")
    assert len(world.facts(w.SymbolBarred)) == count
    assert INSTRUMENT.symbol in world.engine.ledger.state.barred
