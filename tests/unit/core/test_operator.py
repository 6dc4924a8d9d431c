import msgspec

from builders import INSTRUMENT, D
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core import operator
from engine.core.settings import Bot, Market, Settings, Universe
from engine.core.values import GateName
from world import SETTINGS, World, entered


def words(world: World, command: e.Command) -> tuple[str, str]:
    """The verdict on a command and its words."""
    last = world.feed(command)[-1].fact
    if isinstance(last, f.CommandRefused):
        return "refused", last.reason
    done = next(r.fact for r in reversed(world.records) if isinstance(r.fact, f.CommandDone))
    return "done", done.detail


def test_resume_says_what_still_waits() -> None:
    world = World()
    world.start()
    world.feed(e.Pause(command_id="a", by="@ann"))
    world.feed(e.DiskSeen("full"))
    assert words(world, e.Resume(command_id="b", by="@ann")) == ("done", "still waiting: disk_bad")
    world.feed(e.DiskSeen(None))
    assert words(world, e.Resume(command_id="c", by="@ann")) == ("done", "entries are on")


def test_a_pause_does_not_replace_a_stop() -> None:
    world = World()
    world.start()
    world.feed(e.Stop(command_id="a", by="@ann"))
    assert words(world, e.Pause(command_id="b", by="@ann", until_ms=world.now + 1000)) == (
        "refused",
        "stopped already: entries stay off until resume",
    )
    world.wait(2000)
    assert "operator" in world.gates


def test_resume_waits_until_panic_has_made_us_flat() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Panic(command_id="a", by="@ann"))
    assert words(world, e.Resume(command_id="b", by="@ann", reason="calm again")) == (
        "refused",
        "positions are still being closed: resume after the account is flat",
    )


def test_closing_twice_is_refused() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="a", by="@ann", position_id=1))
    assert words(world, e.Close(command_id="b", by="@ann", position_id=1)) == (
        "refused",
        "#1 is being closed already",
    )


def test_a_share_needs_the_trading_rules() -> None:
    world = entered()
    world.engine.market.set_instruments(())
    part = e.Close(command_id="a", by="@ann", position_id=1, share=D("0.5"))
    assert words(world, part) == (
        "refused",
        "the trading rules of SOLUSDT are not loaded yet",
    )
    world.engine.market.set_instruments((INSTRUMENT,))
    again = e.Close(command_id="b", by="@ann", position_id=1, share=D("0.5"))
    assert words(world, again) == ("done", "closing 43.7 of #1 SOLUSDT")


def test_each_command_leaves_exactly_one_verdict() -> None:
    world = entered()
    commands: list[e.Command] = [
        e.Pause(command_id="a", by="x"),
        e.Resume(command_id="b", by="x"),
        e.Stop(command_id="c", by="x"),
        e.Close(command_id="d", by="x", position_id=5),
        e.Panic(command_id="e", by="x"),
        e.Shutdown(command_id="f", by="x"),
        e.Shutdown(command_id="g", by="x"),
    ]
    world.feed(*commands)
    verdicts = [
        r.fact.command_id
        for r in world.records
        if isinstance(r.fact, f.CommandDone | f.CommandRefused)
    ]
    assert verdicts == list("abcdefg")


def preset(settings: Settings = SETTINGS) -> e.UsePreset:
    """The wish for a preset named scalping."""
    named = msgspec.structs.replace(settings, bot=Bot(preset="scalping"))
    return e.UsePreset(command_id="p", by="@ann", name="scalping", settings=named)


def test_a_preset_is_in_force_at_once() -> None:
    world = World()
    world.start()
    wish = preset(msgspec.structs.replace(SETTINGS, universe=Universe(blacklist=("SOL*",))))
    assert words(world, wish) == ("done", "scalping is in force")
    assert world.engine.settings is wish.settings
    view = world.engine.view()
    assert (view.preset, view.next_preset, view.universe) == ("scalping", "", ())
    assert world.facts(f.PresetChosen) == [f.PresetChosen("scalping", "@ann")]
    assert world.engine.ledger.state.preset == "scalping"


def test_a_preset_of_other_bars_waits_for_the_next_start() -> None:
    world = World()
    world.start()
    wish = preset(msgspec.structs.replace(SETTINGS, market=Market(frame_s=900)))
    told = "scalping is in force from the next start on: its bars are 900 s"
    assert words(world, wish) == ("done", told)
    assert world.engine.settings is world.settings
    view = world.engine.view()
    assert (view.preset, view.next_preset) == ("breakout_v1", "scalping")


def test_a_preset_of_other_bars_waits_for_open_trades() -> None:
    world = entered()
    wish = preset(msgspec.structs.replace(SETTINGS, market=Market(frame_s=900)))
    told = "its bars are 900 s, now 300 s: close #1 SOLUSDT first"
    assert words(world, wish) == ("refused", told)
    assert world.engine.ledger.state.preset == ""
    assert words(world, preset(SETTINGS)) == ("refused", told)  # the same wish, the same answer


def test_a_new_scan_asks_for_the_tickers() -> None:
    world = World()
    world.start()
    outcome = world.engine.step(world.now, e.Rescan(command_id="r", by="@ann"))
    assert outcome.intents == (i.FetchTickers(),)


def test_a_chosen_preset_that_is_not_in_force_pauses_entries_at_the_start() -> None:
    world = World()
    world.start()
    wish = preset(SETTINGS)
    world.feed(wish)
    again = World(ledger=world.engine.ledger)
    again.feed(e.Started("test", "paper", was_clean=True, balance=D(10_000)))
    words = "scalping was chosen and does not fit the configuration; breakout_v1 is in force"
    assert [x.detail for x in again.facts(f.Incident)] == [words]
    assert again.engine.ledger.state.gates[GateName.OPERATOR].why == operator.OTHER_PRESET
    pause = e.Pause(command_id="q", by="@ann", until_ms=again.now + 1000)
    assert isinstance(again.feed(pause)[-1].fact, f.CommandRefused)
    fine = World(wish.settings, ledger=world.engine.ledger)
    fine.feed(e.Resume(command_id="r", by="@ann"))
    fine.feed(e.Started("test", "paper", was_clean=True, balance=D(10_000)))
    assert GateName.OPERATOR not in fine.engine.ledger.state.gates


def note(key: str, value: str, number: str) -> e.Note:
    return e.Note(command_id=number, by="@ann", key=key, value=value)


def test_a_note_is_kept_and_forgotten() -> None:
    world = World()
    world.start()
    assert words(world, note("quiet", "22:00-07:00", "a")) == ("done", "quiet = 22:00-07:00")
    assert world.engine.view().notes == {"quiet": "22:00-07:00"}
    assert words(world, note("quiet", "", "b")) == ("done", "quiet = -")
    assert world.engine.view().notes == {}


def test_notes_are_bounded() -> None:
    world = World()
    world.start()
    for number in range(operator.NOTES_MAX):
        world.feed(note(str(number), "x", f"n{number}"))
    full = "expected at most 200 notes, found them all used"
    assert words(world, note("more", "x", "a")) == ("refused", full)
    assert words(world, note("7", "y", "b")) == ("done", "7 = y")
    long = "expected at most 500 characters to remember, found more"
    assert words(world, note("7", "y" * 501, "c")) == ("refused", long)
