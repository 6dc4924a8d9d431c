"""What a directory remembers of its owner's choices, and what becomes of one that fits no more."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest

from bot.memory import Load, Memory, open_memory, peek, restore
from builders import T0
from engine import config
from engine.core import facts as f
from engine.core.wish_facts import LimitHeld, Tuned
from engine.errors import ConfigError, StoreError
from engine.live.store import FileStore
from world import entered

SLOTS, DAY, FRAME = "risk.max_open_positions", "risk.daily_loss_limit_pct", "market.frame_s"


def configured(*sets: str) -> Load:
    """The configuration with these options."""
    return partial(config.load, None, sets, {})


async def kept(folder: Path, *facts: f.AnyFact) -> None:
    """A directory whose journal holds these facts."""
    records = [f.Record(number, T0, fact) for number, fact in enumerate(facts, 1)]
    await write(folder, records)


async def write(folder: Path, records: Sequence[f.Record]) -> None:
    store = FileStore(folder, "paper")
    store.load()
    await store.append(records)
    store.close(is_clean=True)


def reopened(folder: Path, load: Load) -> Memory:
    store = FileStore(folder, "paper")
    try:
        return open_memory(store, load, load(None))
    finally:
        store.close(is_clean=True)


async def test_what_was_chosen_stands_above_file_options_and_preset(tmp_path: Path) -> None:
    chosen = Tuned(((SLOTS, "2"), ("signals.sides", '"long"')), "@ann")
    await kept(tmp_path, f.PresetChosen("scalping", "@ann"), chosen)
    memory = reopened(tmp_path, configured(f"{SLOTS}=5", "risk.soft_mult=0.4"))
    settings = memory.settings
    assert settings.bot.preset == "scalping"
    assert (settings.risk.max_open_positions, settings.signals.sides) == (2, "long")
    assert settings.risk.soft_mult == 0.4
    assert memory.untuned == ""


async def test_what_was_taken_back_is_the_file_s_again(tmp_path: Path) -> None:
    await kept(tmp_path, Tuned(((SLOTS, "2"),), "@ann"), Tuned(((SLOTS, ""),), "@ann"))
    memory = reopened(tmp_path, configured(f"{SLOTS}=5"))
    assert memory.settings.risk.max_open_positions == 5


@pytest.mark.parametrize(
    ("value", "option", "problem"),
    [
        ("99", "risk.soft_mult=0.4", f"{SLOTS} expected a whole number 1..10, found 99 (/set)"),
        ("2", "risk.max_open_positions=2", ""),
    ],
)
async def test_a_value_that_fits_no_more_is_not_followed(
    tmp_path: Path, value: str, option: str, problem: str
) -> None:
    await kept(tmp_path, Tuned(((SLOTS, value),), "@ann"))
    memory = reopened(tmp_path, configured(option))
    assert memory.untuned == problem
    expected = configured(option)(None) if problem else memory.settings
    assert memory.settings == expected


async def test_a_cap_that_was_lowered_meanwhile_holds(tmp_path: Path) -> None:
    await kept(tmp_path, Tuned(((DAY, "9.5"),), "@ann"))
    path = tmp_path / "config.toml"
    path.write_text("[caps]\ndaily_loss_pct = 9", encoding="utf-8")
    memory = reopened(tmp_path, partial(config.load, path, [], {}))
    assert "at most caps.daily_loss_pct, found 9.5 and 9" in memory.untuned
    assert memory.settings.risk.daily_loss_limit_pct == 8


async def test_the_limit_of_the_day_is_remembered(tmp_path: Path) -> None:
    await kept(tmp_path, LimitHeld(8.0, "@ann"), Tuned(((DAY, "9.5"),), "@ann"))
    memory = reopened(tmp_path, configured())
    assert memory.settings.risk.daily_loss_limit_pct == 9.5
    assert memory.ledger.state.limit_held == 8.0


async def test_another_frame_waits_until_nothing_of_the_old_one_is_open(tmp_path: Path) -> None:
    world = entered()
    records = list(world.records)
    chosen = Tuned(((FRAME, "900"), (SLOTS, "2")), "@ann")
    await write(tmp_path, [*records, f.Record(len(records) + 1, world.now, chosen)])
    memory = reopened(tmp_path, configured())
    assert memory.settings.market.frame_s == 300
    assert memory.settings.risk.max_open_positions == 2
    assert memory.ledger.state.tuned[FRAME] == "900"


async def test_a_frame_of_the_file_is_still_refused_while_a_trade_is_open(tmp_path: Path) -> None:
    await write(tmp_path, entered().records)
    with pytest.raises(ConfigError, match="expected 300 while #1 SOLUSDT is open"):
        reopened(tmp_path, configured("market.frame_s=900"))


async def test_without_choices_the_configuration_is_taken_as_it_is(tmp_path: Path) -> None:
    await kept(tmp_path, f.PresetChosen("no_such_preset", "@ann"))
    memory = reopened(tmp_path, configured())
    assert memory.settings == configured()(None)
    assert msgspec.structs.asdict(memory.settings)["bot"].preset == "breakout_v1"


async def test_looking_at_a_directory_of_nobody_leaves_it_as_it_was(tmp_path: Path) -> None:
    await kept(tmp_path, Tuned(((SLOTS, "2"),), "@ann"))
    load = configured()
    ledger, settings = peek(tmp_path, "paper", load, load(None))
    assert ledger.state.tuned == {SLOTS: "2"}
    assert settings.risk.max_open_positions == 2
    store = FileStore(tmp_path, "paper")
    assert store.was_clean
    restore(store)
    await store.checkpoint({**ledger.dump(), "tuned": 5}, ledger.seq)
    store.close(is_clean=True)
    with pytest.raises(StoreError, match="expected a checkpoint of this version"):
        peek(tmp_path, "paper", load, load(None))
