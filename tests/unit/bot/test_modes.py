"""The rules of going live: what is missing, by what right, which directory, which file."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from bot import worlds
from bot.memory import NOTHING
from bot.modes import OPEN_CHAT, REAL_TIME, SANDBOX_ARM, Asked, Door, Modes
from builders import T0, D
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.settings import Bot, Checks, Exchange, Settings
from engine.core.values import Arm
from engine.environment import Environment, Secret
from engine.errors import ConfigError, StoreError
from engine.live.mode import FILE, Chosen, read_mode
from engine.live.store import FileStore

VENUE = "http://127.0.0.1:8091"
SETTINGS = Settings(
    exchange=Exchange(rest_url=VENUE, ws_public_url="ws://127.0.0.1:8091/v5/public/linear")
)
REAL = Settings(checks=SETTINGS.checks)  # the exchange itself: nothing here may connect
STORED = {"mode": "live", "by": "@ann (11)", "at_ms": 5, "venue": VENUE}
ARM = Arm("@ann (11)", VENUE, 5)


def environment(root: Path, **changes: object) -> Environment:
    """A machine that permits live trading."""
    full = Environment(
        exchange_key=Secret("key"),
        exchange_secret=Secret("secret"),
        allow_live=True,
        state_dir=root,
    )
    return msgspec.structs.replace(full, **changes)


def asked(
    mode: str | None = None,
    state_dir: Path | None = None,
    *,
    is_sandbox: bool = False,
    speed: float = 1,
) -> Asked:
    return Asked(mode, state_dir, is_sandbox, speed)


def stored(root: Path, **changes: object) -> Modes:
    """The modes of a machine that was live."""
    (root / FILE).write_text(json.dumps(STORED), encoding="utf-8")
    return Modes(environment(root, **changes), asked())


def test_directories_are_never_shared(tmp_path: Path) -> None:
    found = {
        (m.kind, m.folder)
        for m in (
            Modes(environment(tmp_path), asked()),
            stored(tmp_path),
            Modes(environment(tmp_path), asked(is_sandbox=True)),
            Modes(environment(tmp_path), asked(is_sandbox=True, mode="live")),
        )
    }
    kinds = ("paper", "live", "sandbox", "sandbox-live")
    assert found == {(kind, tmp_path / kind) for kind in kinds}
    own = Modes(environment(tmp_path), asked(state_dir=tmp_path / "x", is_sandbox=True))
    assert own.folder == tmp_path / "x"
    FileStore(tmp_path / "live", "live").close()
    with pytest.raises(StoreError, match="expected a paper directory, found 'live'"):
        FileStore(tmp_path / "live", "paper")


def test_a_given_directory_is_one_paper_account(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(STORED), encoding="utf-8")
    modes = Modes(environment(tmp_path), asked(state_dir=tmp_path / "x"))
    assert modes.mode == "paper"
    assert modes.problems(SETTINGS) == (
        "--state-dir: expected none, one such directory holds one account",
    )


def test_the_command_line_changes_no_stored_mode(tmp_path: Path) -> None:
    assert Modes(environment(tmp_path), asked(mode="paper")).mode == "paper"
    with pytest.raises(ConfigError) as caught:
        Modes(environment(tmp_path), asked(mode="live"))
    assert "an owner changes it in the chat with /mode" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        ({"allow_live": False}, SETTINGS, "ALLOW_LIVE: expected 1 in the environment"),
        (
            {"exchange_key": None, "exchange_secret": None},
            SETTINGS,
            "EXCHANGE_API_KEY and EXCHANGE_API_SECRET: expected both in the environment",
        ),
        ({"telegram_api_url": "http://127.0.0.1:8090"}, REAL, OPEN_CHAT),
        (
            {},
            msgspec.structs.replace(SETTINGS, exchange=Exchange(rest_url=VENUE)),
            worlds.OTHER_STREAM,
        ),
        (
            {},
            msgspec.structs.replace(SETTINGS, checks=Checks(excluded=("oi",))),
            'checks.excluded: expected no names in live mode, found ["oi"]',
        ),
    ],
)
def test_what_live_trading_lacks(
    tmp_path: Path, changes: dict[str, object], settings: Settings, words: str
) -> None:
    modes = Modes(environment(tmp_path, **changes), asked())
    assert modes.problems(settings) == (words,)
    armed = Modes(environment(tmp_path, **changes), asked())
    armed.chosen = Chosen("live", "@ann (11)", 5, settings.exchange.rest_url)
    with pytest.raises(ConfigError) as caught:
        armed.right(settings, Ledger())
    assert words in str(caught.value)
    assert f"remove {tmp_path / FILE} to start on paper" in str(caught.value)


def load(_preset: str | None, _tuned: Mapping[str, str] = NOTHING, /) -> Settings:
    return SETTINGS


async def test_the_owner_a_code_named_is_found_in_the_other_directory(tmp_path: Path) -> None:
    modes = Modes(environment(tmp_path), asked())
    assert modes.owner_elsewhere(load) is None  # never live
    store = FileStore(tmp_path / "live", "live")
    store.load()
    await store.append([f.Record(1, T0, f.Noted("owner", "1234", "pairing"))])
    assert modes.owner_elsewhere(load) is None  # somebody runs it
    store.close()
    assert modes.owner_elsewhere(load) == 1234
    assert Modes(environment(tmp_path), asked(is_sandbox=True)).owner_elsewhere(load) is None
    assert Modes(environment(tmp_path), asked(state_dir=tmp_path)).owner_elsewhere(load) is None


def test_a_ready_machine_lacks_nothing(tmp_path: Path) -> None:
    assert Modes(environment(tmp_path), asked()).problems(SETTINGS) == ()


@pytest.mark.parametrize("api_url", [None, "https://telegram.example.com"])
def test_the_exchange_itself_may_be_traded(tmp_path: Path, api_url: str | None) -> None:
    modes = Modes(environment(tmp_path, telegram_api_url=api_url), asked())
    assert modes.problems(REAL) == ()
    modes.check_pace(REAL)
    modes.chosen = Chosen("live", "@ann (11)", 5, REAL.exchange.rest_url)
    assert modes.right(REAL, Ledger()).is_paused


def test_real_time_is_not_scaled(tmp_path: Path) -> None:
    fast = Modes(environment(tmp_path), asked(speed=60))
    assert fast.problems(REAL) == (f"--speed: {REAL_TIME}",)
    with pytest.raises(ConfigError, match="not ours to scale; found 60"):
        fast.check_pace(REAL)
    assert fast.problems(SETTINGS) == ()
    fast.check_pace(SETTINGS)


@pytest.mark.parametrize("api_url", ["http://127.0.0.1:8090", "https://telegram.example.com"])
def test_a_venue_on_this_machine_takes_any_chat(tmp_path: Path, api_url: str) -> None:
    modes = Modes(environment(tmp_path, telegram_api_url=api_url), asked())
    assert modes.problems(SETTINGS) == ()


def test_the_right_of_a_stored_mode(tmp_path: Path) -> None:
    right = stored(tmp_path).right(SETTINGS, Ledger())
    assert (right.arm, right.is_paused) == (ARM, True)
    assert (right.keys.key, right.keys.secret) == ("key", "secret")


def test_only_a_known_word_goes_on_by_itself(tmp_path: Path) -> None:
    bold = msgspec.structs.replace(SETTINGS, bot=Bot(resume_live=True))
    ledger = Ledger()
    assert stored(tmp_path).right(bold, ledger).is_paused
    ledger.apply(f.Record(1, T0, f.LiveArmed(ARM)))
    assert not stored(tmp_path).right(bold, ledger).is_paused
    assert stored(tmp_path).right(SETTINGS, ledger).is_paused


def test_armed_for_another_venue(tmp_path: Path) -> None:
    other = Exchange(rest_url="http://127.0.0.1:9", ws_public_url="ws://127.0.0.1:9")
    with pytest.raises(ConfigError, match=f"expected {VENUE}, armed for, found http://127.0.0.1:9"):
        stored(tmp_path).right(msgspec.structs.replace(SETTINGS, exchange=other), Ledger())


def test_the_sandbox_arms_by_its_command_line_and_waits_for_nobody(tmp_path: Path) -> None:
    modes = Modes(Environment(state_dir=tmp_path), asked(is_sandbox=True, mode="live"))
    right = modes.right(Settings(), Ledger())
    assert (right.arm, right.is_paused) == (SANDBOX_ARM, False)
    assert right.keys == worlds.SANDBOX_KEYS
    assert "--sandbox --mode live" in modes.problems(Settings())[0]


def test_choosing_is_durable_and_then_changes_over(tmp_path: Path) -> None:
    modes = Modes(environment(tmp_path), asked())
    door = Door(modes, lambda: SETTINGS, lambda _preset, _tuned=NOTHING: SETTINGS)
    ends: list[str] = []
    door.change_over()  # nobody listens, nothing was chosen
    modes.listen(lambda: ends.append("end"))
    door.change_over()
    assert ends == []
    assert door.problems() == ()
    door.choose("live", "@ann (11)")
    kept = read_mode(tmp_path)
    assert (kept.mode, kept.by, kept.venue) == ("live", "@ann (11)", VENUE)
    assert kept.at_ms > T0
    assert (modes.mode, modes.is_new, ends) == ("live", True, [])
    door.change_over()
    assert ends == ["end"]
    modes.fall_back()
    assert (read_mode(tmp_path).mode, modes.mode, modes.is_new) == ("paper", "paper", False)


async def test_a_live_directory_of_another_venue_is_no_prospect(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "live", "live")
    store.load()
    other = Arm("@ann (11)", "http://127.0.0.1:9", 1)
    await store.append([f.Record(1, T0, f.LiveArmed(other)), f.Record(2, T0, f.Funded(D(5)))])
    store.close(is_clean=False)
    modes = Modes(environment(tmp_path), asked())
    door = Door(modes, lambda: SETTINGS, lambda _preset, _tuned=NOTHING: SETTINGS)
    with pytest.raises(StoreError, match=f"expected the ledger of {VENUE}, found that of"):
        await door.prospect()
    again = FileStore(tmp_path / "live", "live")
    assert not again.was_clean  # looking is no end in order
    again.close()
