"""What configuration, environment and a person at the keyboard can get wrong, fault by fault.

FT82, numbers that are none: tests/property/test_config_numbers.py, and
    test_the_environment_sets_no_key
    test_caps_come_from_the_file_alone
FT83, paper taken for live:
    test_there_is_no_live_mode
    test_sandbox_and_paper_never_share_a_directory
    test_paper_writes_without_any_venue
    test_the_reader_of_the_venue_cannot_write
    test_the_environment_sets_no_key
FT84, settings changed under open positions:
    test_an_open_trade_keeps_the_exits_it_was_taken_with
    test_a_blacklisted_symbol_is_managed_and_left
    test_lower_caps_act_on_new_entries_alone
    test_the_frame_does_not_change_under_an_open_position
FT85 and FT86, symbols and numbers in the chat: tests/unit/bot/test_parsing.py
FT87, secrets that are missing, placeholders or misplaced:
    test_a_token_that_is_none_is_named_and_never_shown
    test_a_token_in_the_wrong_place_is_never_shown
    test_a_token_anywhere_in_the_file_is_refused
    test_the_program_ends_with_2_and_shows_no_secret
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot import app
from bot.__main__ import main
from bot.modes import Asked, Modes
from builders import INSTRUMENT, T0, D, order
from engine import catalog, config, log
from engine.core import events as e
from engine.core import facts as f
from engine.core.settings import Settings
from engine.core.values import Ms, Purpose, Side
from engine.environment import Environment, read_environment
from engine.errors import ConfigError, StoreError
from engine.live.paper import PaperExchange
from engine.live.reader import BybitReader
from engine.live.store import FileStore
from engine.sim.matching import Matching
from series import FRAME_MS
from world import World, instruments

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
CANARY = "AAHdqTcv"


def options(folder: Path | None, *sets: str, is_sandbox: bool = False) -> app.Options:
    """What a command line asks for."""
    return app.Options(
        config=None,
        sets=sets,
        state_dir=folder,
        speed=1.0,
        is_sandbox=is_sandbox,
        host="127.0.0.1",
        port=0,
        seed=None,
        data=None,
        say=pytest.fail,
    )


def problems(env: Mapping[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_environment(env)
    return caught.value.problems


# -- FT82, FT83: who may set what -----------------------------------------------------------------


@pytest.mark.parametrize("key", [d.path for d in catalog.declared() if d.path.startswith("caps.")])
def test_caps_come_from_the_file_alone(key: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"{key} = 1.25", encoding="utf-8")
    for sets in ([f"{key}=1.5"], [f" {key} = 1.5"], [f"{key}=1.25"]):
        with pytest.raises(ConfigError) as caught:
            config.load(path, sets, {})
        assert caught.value.problems[-1].startswith(f"{key}   expected in the file only, found 1.")
        assert caught.value.problems[-1].endswith(" (--set)")

    lower = ["risk.risk_per_trade_pct=0.1", "risk.leverage_max=0.5", "risk.daily_loss_limit_pct=1"]
    caps = config.load(path, lower, {}).caps
    assert caps == msgspec.structs.replace(Settings().caps, **{key.split(".")[1]: 1.25})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BREAKOUT_MODE", ""),
        ("BREAKOUT_LIVE", ""),
        ("BREAKOUT_CAPS_LEVERAGE", ""),
        ("BREAKOUT_RISK_LEVERAGE_MAX", ""),
        ("BREAKOUT_STATEDIR", "; did you mean BREAKOUT_STATE_DIR?"),
    ],
)
def test_the_environment_sets_no_key(
    name: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = {name: "nan", "RISK_LEVERAGE_MAX": "9", "LEVERAGE_MAX": "9"}
    assert config.load(None, [], env) == Settings()
    assert problems(env) == [f"{name}   unknown; settings come from config.toml or --set{hint}"]


@pytest.mark.parametrize("mode", ["LIVE", "testnet", ""])
def test_there_is_no_third_mode(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--mode", mode])
    assert ended.value.code == 2
    assert f"--mode: invalid choice: '{mode}' (choose from " in capsys.readouterr().err


def test_sandbox_and_paper_never_share_a_directory(tmp_path: Path) -> None:
    environment = Environment(state_dir=tmp_path)
    paper = Modes(environment, Asked(None, None, is_sandbox=False, speed=1)).folder
    sandbox = Modes(environment, Asked(None, None, is_sandbox=True, speed=60)).folder
    assert (paper, sandbox) == (tmp_path / "paper", tmp_path / "sandbox")
    FileStore(sandbox, "sandbox").close()
    with pytest.raises(StoreError, match="expected a paper directory, found 'sandbox'"):
        FileStore(sandbox, "paper")
    with pytest.raises(StoreError, match="expected a live directory, found 'sandbox'"):
        FileStore(sandbox, "live")


class Unreachable:
    """A venue that must not be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


async def test_paper_writes_without_any_venue() -> None:
    matching = Matching(Decimal(10_000), Decimal(4))
    matching.set_instruments((INSTRUMENT,))
    seen: list[e.Event] = []

    def now_ms() -> Ms:
        return T0

    paper = PaperExchange(Unreachable(), matching, now_ms, seen.append)  # type: ignore[arg-type] # fails when asked
    paper._rules = {"SOLUSDT": INSTRUMENT}  # read before the venue went away
    paper.see(e.QuoteSeen("SOLUSDT", 99.99, 100.0, 100.0, T0))
    entry = order(Purpose.ENTRY)
    assert await paper.place(entry) == e.OrderAccepted(entry.id)
    assert isinstance(await paper.set_stop(1, "SOLUSDT", Side.LONG, D(97)), e.StopSet)
    assert isinstance(await paper.cancel(entry), e.OrderGone)
    assert isinstance(await paper.find(entry), e.OrderGone)
    assert isinstance(await paper.account(), e.AccountSeen)


def test_the_reader_of_the_venue_cannot_write() -> None:
    public = {name for name in vars(BybitReader) if not name.startswith("_")}
    reads = {"instruments", "tickers", "history", "interest", "book", "time_ms"}
    assert public == reads | {"listed", "rules_age_s", "qty_max", "close"}


# -- FT84: changed under open positions -----------------------------------------------------------


PATIENT = {"failed_break_bars": 0}


def trading(*symbols: str) -> World:
    """A world that holds SOLUSDT."""
    world = World(changed("exits", **PATIENT), instruments(*symbols))
    world.start()
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300)
    world.wait(2000)  # the others' bars never come
    assert world.engine.ledger.position_in("SOLUSDT") is not None
    return world


def changed(section: str, **keys: object) -> Settings:
    """The defaults but for these."""
    defaults = getattr(Settings(), section)
    return msgspec.structs.replace(
        Settings(), **{section: msgspec.structs.replace(defaults, **keys)}
    )


def restarted(world: World, settings: Settings) -> World:
    """The same account under other settings, one bar before the candles repeat themselves."""
    world.settings = settings
    world.open_ms = world.open_ms + FRAME_MS
    again = world.reborn()
    again.start()
    return again


def test_an_open_trade_keeps_the_exits_it_was_taken_with() -> None:
    world = trading("SOLUSDT")
    before = world.engine.ledger.positions[0]
    targets = [rung.target for rung in before.rungs]
    again = restarted(
        world, changed("exits", max_hold_s=60, targets=((9.0, 1.0),), failed_break_bars=0)
    )
    for _ in range(3):
        again.bar(103.1)
    (held,) = again.engine.ledger.positions
    assert (held.id, held.exit_rule, held.exits) == (before.id, None, before.exits)
    assert [rung.target for rung in held.rungs] == targets
    assert again.facts(f.PositionClosed) == []


def test_a_blacklisted_symbol_is_managed_and_left() -> None:
    again = restarted(trading("SOLUSDT", "AUSDT"), changed("universe", blacklist=("SOL*",)))
    assert set(again.engine.market.universe) == {"AUSDT", "SOLUSDT"}
    again.quote(101.0, 101.01)
    (closed,) = again.facts(f.PositionClosed)
    assert (closed.symbol, closed.rule) == ("SOLUSDT", "INITIAL")
    again.wait(1_000_000)
    assert again.engine.market.universe == ("AUSDT",)
    assert again.engine.ledger.positions == ()


@pytest.mark.parametrize(
    ("keys", "check"),
    [({}, ""), ({"max_open_positions": 1}, "slots"), ({"max_notional_usd": 10.0}, "size")],
)
def test_lower_caps_act_on_new_entries_alone(keys: dict[str, object], check: str) -> None:
    world = trading("SOLUSDT", "AUSDT")
    (before,) = world.engine.ledger.positions
    again = restarted(world, changed("risk", pair_corr_max_frac=1.0, **keys))
    again.quote(102.99, 103.0, 103.0, "AUSDT")
    again.close_bar(300, ("SOLUSDT", "AUSDT"))
    held = again.engine.ledger.position_in("SOLUSDT")
    assert held is not None
    assert (held.id, held.qty, held.exit_rule) == (before.id, before.qty, None)
    skipped = [s for s in again.facts(f.SignalSkipped) if s.signal.symbol == "AUSDT"]
    assert [s.check.partition("(")[0] for s in skipped] == ([check] if check else [])
    assert (again.engine.ledger.position_in("AUSDT") is None) is bool(check)


async def kept(folder: Path, world: World) -> None:
    """A paper directory with this world's journal."""
    store = FileStore(folder, "paper")
    store.load()
    await store.append(tuple(world.records))
    store.close(is_clean=True)


async def test_the_frame_does_not_change_under_an_open_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "setup", lambda *_, **__: None)  # the test runner's handlers stay
    await kept(tmp_path / "s", trading("SOLUSDT"))
    journal = {p.name: p.read_bytes() for p in (tmp_path / "s").glob("journal-*")}

    with pytest.raises(ConfigError) as caught:
        await app.run(options(tmp_path / "s", "market.frame_s=60"), {"TELEGRAM_TOKEN": TOKEN})

    problem = (
        "market.frame_s   expected 300 while #1 SOLUSDT is open, found 60; "
        "close it before the change"
    )
    assert (caught.value.exit_code, caught.value.problems) == (2, [problem])
    assert {p.name: p.read_bytes() for p in (tmp_path / "s").glob("journal-*")} == journal


# -- FT87: secrets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        "CHANGE_ME",
        "<your-token>",
        "none",
        "0",
        f'"{TOKEN}"',
        f"bot{TOKEN}",
        TOKEN.replace(":", ""),
        TOKEN.partition(":")[2],
        "987654321",
        "123456:owner",
    ],
)
def test_a_token_that_is_none_is_named_and_never_shown(token: str) -> None:
    (problem,) = problems({"TELEGRAM_TOKEN": token})
    assert problem == (
        "TELEGRAM_TOKEN   expected a bot token as BotFather gives it "
        "(digits, a colon, 35 characters), found something else (not shown)"
    )


@pytest.mark.parametrize(
    "name",
    [
        "TELEGRAM_ALLOWED_USERS",
        "TELEGRAM_ALLOWED_CHATS",
        "TELEGRAM_API_URL",
        "TELEGRAM_PROXY",
        "TELEGRAM_TOKEN_FILE",
        "BREAKOUT_CONFIG",
        "BREAKOUT_STATE_DIR",
    ],
)
def test_a_token_in_the_wrong_place_is_never_shown(name: str) -> None:
    (problem,) = problems({name: TOKEN})
    assert problem.startswith(f"{name}   expected ")
    assert CANARY not in problem


@pytest.mark.parametrize(
    "line", ["# {}", 'name = "alpha"  # once {} here', '[bot]\nname = "{}"', "{}"]
)
def test_a_token_anywhere_in_the_file_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[bot]\n" * (not line.startswith("[")) + line.format(TOKEN), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(path, [], {})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("command", [[], ["check"], ["health"], ["--sandbox"]])
def test_the_program_ends_with_2_and_shows_no_secret(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", f"CHANGE_ME_{CANARY}")
    monkeypatch.setenv("BREAKOUT_CONFIG", TOKEN)
    assert main(command) == 2
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.err.splitlines()[1:]] == [
        "BREAKOUT_CONFIG",
        "TELEGRAM_TOKEN",
    ]
    assert CANARY not in said.err + said.out
