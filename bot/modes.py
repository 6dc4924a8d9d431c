"""Which mode this process runs in, what the other one lacks, and the way from one to the other.

It exists so that the rules of going live stand in one place: permission, key, settings, venue and
chat, directories of their own. It must never arm by itself, except the sandbox when its own command
line asked.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bot import memory, worlds
from bot.desk import Prospect
from engine.consistency import live_problems
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import LIVE, PAPER, Arm
from engine.environment import Environment
from engine.errors import ConfigError, EngineError
from engine.live.mode import FILE, Chosen, read_mode, write_mode
from engine.live.wire import Keys
from engine.log import Log

_log = Log(__name__)
SANDBOX, SANDBOX_LIVE = "sandbox", "sandbox-live"
SANDBOX_ARM = Arm("the command line", SANDBOX, 1)
REAL_TIME = "expected 1 for a venue that is not on this machine: its time is not ours to scale"
OPEN_CHAT = (
    "TELEGRAM_API_URL: expected none, or https, where the venue is not on this machine: "
    "whoever reaches a chat without a lock could trade"
)


class Asked(NamedTuple):
    """What the command line says of mode and place."""

    mode: str | None
    state_dir: Path | None
    is_sandbox: bool
    speed: float


class Modes:
    """The mode in force, and `change_over` to the one chosen next."""

    def __init__(self, environment: Environment, asked: Asked) -> None:
        """Raises `StoreError` for a damaged file, `ConfigError` for a mode nobody can ask for."""
        self._environment = environment
        self._asked = asked
        self.chosen = self._read()
        self.is_new = False  # chosen while this process ran, and not yet begun
        self._end: Callable[[], None] | None = None

    def _read(self) -> Chosen:
        asked, root = self._asked, self._environment.state_dir
        if asked.is_sandbox:
            by, venue, at_ms = SANDBOX_ARM.by, SANDBOX_ARM.venue, SANDBOX_ARM.at_ms
            return Chosen(LIVE, by, at_ms, venue) if asked.mode == LIVE else Chosen(PAPER)
        chosen = Chosen() if asked.state_dir is not None else read_mode(root)
        if asked.mode is not None and asked.mode != chosen.mode:
            problem = f"expected {chosen.mode}, as {root / FILE} says, found {asked.mode}"
            raise ConfigError("--mode", [f"{problem}; an owner changes it in the chat with /mode"])
        return chosen

    @property
    def mode(self) -> str:
        """Paper or live."""
        return self.chosen.mode

    @property
    def kind(self) -> str:
        """The label of the directory in use: no other kind may be in it."""
        if self._asked.is_sandbox:
            return SANDBOX_LIVE if self.mode == LIVE else SANDBOX
        return self.mode

    @property
    def folder(self) -> Path:
        """The directory of this account."""
        return self._asked.state_dir or self._environment.state_dir / self.kind

    def right(self, settings: Settings, ledger: Ledger) -> worlds.Right:
        """By what right live orders leave; raises `ConfigError` where they may not."""
        arm = self.chosen.arm
        assert arm is not None, "asked on paper"
        if self._asked.is_sandbox:
            return worlds.Right(worlds.SANDBOX_KEYS, arm, is_paused=False)
        problems = self.problems(settings)
        if arm.venue != settings.exchange.rest_url:
            problems += (f"expected {arm.venue}, armed for, found {settings.exchange.rest_url}",)
        if problems:
            way = f"mend it, or remove {self._environment.state_dir / FILE} to start on paper"
            raise ConfigError("live mode", [*problems, way])
        is_new = ledger.state.arm != arm
        return worlds.Right(self._keys, arm, is_paused=is_new or not settings.bot.resume_live)

    @property
    def _keys(self) -> Keys:
        key, secret = self._environment.exchange_key, self._environment.exchange_secret
        assert key is not None, "checked before"
        assert secret is not None, "checked before"
        return Keys(key.reveal(), secret.reveal())

    def problems(self, settings: Settings) -> tuple[str, ...]:
        """What live trading lacks on this machine; empty when nothing."""
        asked, environment = self._asked, self._environment
        if asked.is_sandbox:
            return ("the sandbox chooses at its start: --sandbox --mode live",)
        lacking = {
            "ALLOW_LIVE: expected 1 in the environment": not environment.allow_live,
            "EXCHANGE_API_KEY and EXCHANGE_API_SECRET: expected both in the environment": (
                environment.exchange_key is None
            ),
            "--state-dir: expected none, one such directory holds one account": (
                asked.state_dir is not None
            ),
            worlds.OTHER_STREAM: not worlds.is_one_venue(settings),
            f"--speed: {REAL_TIME}": self._is_scaled_afar(settings),
            OPEN_CHAT: not worlds.is_local(settings) and self._has_open_chat,
        }
        missing = tuple(words for words, is_true in lacking.items() if is_true)
        return (*missing, *live_problems(settings))

    def check_pace(self, settings: Settings) -> None:
        """Raises `ConfigError` for a pace that the venue does not keep."""
        if self._is_scaled_afar(settings):
            raise ConfigError("--speed", [f"{REAL_TIME}; found {self._asked.speed:g}"])

    def _is_scaled_afar(self, settings: Settings) -> bool:
        return self._asked.speed != 1 and not worlds.is_local(settings)

    @property
    def _has_open_chat(self) -> bool:
        """An embedded chat speaks plain http and asks nobody who they are."""
        return urlsplit(self._environment.telegram_api_url or "").scheme == "http"

    async def prospect(self, load: memory.Load) -> Prospect:
        """Look at the live account and its directory; raises `EngineError`."""
        settings = load(None)
        folder = self._environment.state_dir / LIVE
        found, chosen = await asyncio.to_thread(memory.peek, folder, LIVE, load, settings)
        venue = settings.exchange.rest_url
        worlds.check_venue(found, venue, folder)
        return await worlds.survey(chosen, found, self._keys, self._asked.speed)

    def owner_elsewhere(self, load: memory.Load) -> int | None:
        """The owner a pairing code named while the other mode ran: people stay, money changes."""
        other = PAPER if self.mode == LIVE else LIVE
        folder = self._environment.state_dir / other
        is_own = self._asked.is_sandbox or self._asked.state_dir is not None
        if is_own or not folder.exists():
            return None
        try:
            found, _ = memory.peek(folder, other, load, load(None))
        except EngineError as problem:
            _log.warning("pairing.unread", problem=problem)
            return None
        kept = found.state.notes.get("owner", "")
        return int(kept) if kept.isdecimal() else None

    def choose(self, mode: str, by: str, venue: str) -> None:
        """Write down what the next start is; raises `StoreError`, changing nothing."""
        is_live = mode == LIVE
        now_ms = time.time_ns() // 1_000_000
        chosen = Chosen(LIVE if is_live else PAPER, by, now_ms, venue if is_live else "")
        write_mode(self._environment.state_dir, chosen)
        self.chosen, self.is_new = chosen, True

    def change_over(self) -> None:
        """What was chosen begins once what runs has ended."""
        if self.is_new and self._end is not None:
            self._end()

    def listen(self, end: Callable[[], None]) -> None:
        """Call `end` when what runs shall end for another mode."""
        self._end = end

    def fall_back(self) -> None:
        """What was chosen could not begin: paper again."""
        self.choose(PAPER, "engine", "")
        self.is_new = False


class Door:
    """The modes as the chat sees them, for the settings in force."""

    def __init__(self, modes: Modes, settings: Callable[[], Settings], load: memory.Load) -> None:
        self._modes, self._settings, self._load = modes, settings, load

    def problems(self) -> tuple[str, ...]:
        """What live trading lacks here."""
        return self._modes.problems(self._settings())

    async def prospect(self) -> Prospect:
        """Look at the live account with our key; raises `EngineError`."""
        return await self._modes.prospect(self._load)

    def choose(self, mode: str, by: str) -> None:
        """Write down what the next start is; raises `StoreError`."""
        self._modes.choose(mode, by, self._settings().exchange.rest_url)

    def change_over(self) -> None:
        """End what runs, in order, and begin what was chosen."""
        self._modes.change_over()
