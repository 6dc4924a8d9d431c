from builders import INSTRUMENT, D
from engine.core import events as e
from engine.core import facts as f
from world import World, entered


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
