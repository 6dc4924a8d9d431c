"""The composition root: builds every adapter of one world, runs them, and owns the way down.

It exists as the only place that knows who is who: sandbox or real venue, embedded or real chat.
It must never decide a trade, and never end without the journal closed.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot.floor import Floor
from bot.gate import Role
from bot.sandbox.host import Place, Sandbox, identify, remember
from bot.sandbox.people import OWNER_ID, TRADER_ID, VIEWER_ID
from bot.sandbox.serve import EXAMPLE_TOKEN
from bot.telegram_app import Account, TelegramChat
from engine import __version__, config, log
from engine.core.facts import Record
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.environment import Environment, read_environment
from engine.errors import ChatRefused, ConfigError, EngineError, StoreError
from engine.live.clock import VenueClock
from engine.live.exchange import BybitReader
from engine.live.heartbeat import Heartbeat
from engine.live.inbox import Inbox
from engine.live.paper import PaperExchange
from engine.live.station import Ports, Start, Station
from engine.live.store import FileStore
from engine.live.stream import PublicStream
from engine.log import Log
from engine.sim.matching import Holding, Matching

MODE = "paper"
CHAT_AGAIN_S = 5.0
_LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")

_log = Log(__name__)


class Options(NamedTuple):
    """What the command line asked for."""

    config: Path | None
    sets: Sequence[str]
    state_dir: Path | None
    speed: float
    is_sandbox: bool
    host: str
    port: int
    seed: int | None
    data: Path | None
    say: Callable[[str], None]  # to the person who started us


def state_folder(options: Options, environment: Environment) -> Path:
    """The directory of this account: given, or named after its world below the state directory."""
    world = "sandbox" if options.is_sandbox else MODE
    return options.state_dir or environment.state_dir / world


async def run(options: Options, env: Mapping[str, str]) -> int:
    """Run the bot until SIGTERM or SIGINT; raises `EngineError` with the exit code inside."""
    environment = read_environment(env)
    settings = config.load(config.locate(options.config, env), options.sets, env)
    secrets = [secret.reveal() for secret in environment.secrets]
    log.setup(settings.log.level, as_json=settings.log.json, secrets=secrets)
    if not options.is_sandbox and environment.telegram_token is None:
        problem = "expected a bot token, found none; talk to @BotFather, or try --sandbox"
        raise ConfigError("environment", [f"TELEGRAM_TOKEN  {problem}"])
    folder = state_folder(options, environment)
    store = FileStore(folder, "sandbox" if options.is_sandbox else MODE)
    is_clean = False
    try:
        ledger = _restore(store)
        load = partial(config.load, config.locate(options.config, env), options.sets, env)
        settings = _as_chosen(load, settings, ledger.state.preset)
        _check_frame(ledger, settings.market.frame_s)
        if options.is_sandbox:
            await _in_sandbox(options, environment, settings, (store, ledger, load))
        else:
            account = _account(environment)
            pace = options.speed, settings.exchange.id
            await _trade(settings, account, (store, ledger, load), pace)
        is_clean = True
    finally:
        store.close(is_clean=is_clean)
    return 0


Load = Callable[[str], Settings]  # the configuration with that preset in place
Memory = tuple[FileStore, Ledger, Load]


def _as_chosen(load: Load, settings: Settings, chosen: str) -> Settings:
    """The configuration with the preset a person chose; one that is gone is not followed."""
    if not chosen or chosen == settings.bot.preset:
        return settings
    try:
        return load(chosen)
    except ConfigError as problem:
        _log.error("preset.refused", chosen=chosen, used=settings.bot.preset, problem=problem)
        return settings


def _restore(store: FileStore) -> Ledger:
    """Checkpoint plus newer records."""
    loaded = store.load()
    try:
        ledger = Ledger() if loaded.state is None else Ledger.load(loaded.state)
    except msgspec.ValidationError as problem:
        raise StoreError(
            f"{store.folder}: expected a checkpoint of this version, found: {problem}; "
            f"nothing was changed"
        ) from problem
    for record in loaded.records:
        ledger.apply(record)
    return ledger


def _check_frame(ledger: Ledger, frame_s: int) -> None:
    """An open trade counts bars of its own frame: another would age and trail it wrongly."""
    held = [p for p in ledger.positions if p.frame_s not in (0, frame_s)]
    if held:
        names = ", ".join(f"#{p.id} {p.symbol}" for p in held)
        problem = f"expected {held[0].frame_s} while {names} is open, found {frame_s}"
        raise ConfigError("settings", [f"market.frame_s   {problem}; close it before the change"])


async def _in_sandbox(
    options: Options, environment: Environment, settings: Settings, memory: Memory
) -> None:
    store, ledger, _ = memory
    market = identify(store.folder, options.seed, options.data)
    joins = environment.telegram_api_url or ""
    is_joined = joins.startswith(_LOOPBACK)
    place = Place(options.host, options.port, options.speed, has_chat=not is_joined)
    sandbox = Sandbox(market, place, ledger.state.at_ms or None)
    await sandbox.open()
    try:
        remember(store.folder, market)
        exchange = msgspec.structs.replace(
            settings.exchange, rest_url=sandbox.rest_url, ws_public_url=sandbox.stream_url
        )
        settings = msgspec.structs.replace(settings, exchange=exchange)
        account = _account(environment) if is_joined else _embedded_account(sandbox)
        page = joins if is_joined else sandbox.rest_url
        options.say(f"Breakout sandbox ({sandbox.words}): open {page}/")
        async with asyncio.TaskGroup() as group:
            pacing = group.create_task(sandbox.run(), name="market")
            await _trade(settings, account, memory, (options.speed, sandbox.words))
            pacing.cancel()
    finally:
        await sandbox.close()


def _embedded_account(sandbox: Sandbox) -> Account:
    users = {OWNER_ID: Role.OWNER, TRADER_ID: Role.TRADER, VIEWER_ID: Role.VIEWER}
    return Account(token=EXAMPLE_TOKEN, users=users, api_url=sandbox.rest_url)


def _account(environment: Environment) -> Account:
    token = environment.telegram_token
    if token is None:
        raise ConfigError("environment", ["TELEGRAM_TOKEN  expected a bot token, found none"])
    proxy = environment.telegram_proxy
    if not environment.allowed_users:
        _log.warning("gate.empty", hint="TELEGRAM_ALLOWED_USERS names nobody: nobody is heard")
    return Account(
        token=token.reveal(),
        users={user: Role[name.upper()] for user, name in environment.allowed_users.items()},
        chats=tuple(sorted(environment.allowed_chats)),
        api_url=environment.telegram_api_url or "",
        proxy=proxy.reveal() if proxy else "",
    )


async def _trade(
    settings: Settings, account: Account, memory: Memory, pace: tuple[float, str]
) -> None:
    """Run engine and chat side by side until a signal, then bring both down in order."""
    speed, source = pace
    ports, matching = _paper_ports(settings, memory[0], speed)
    _restore_account(matching, memory[1], settings)
    start = Start(__version__, MODE, Decimal(repr(settings.sim.equity_start_usd)))
    station = Station(settings, memory[1], ports, start)
    floor = Floor(station, ports, source, memory[2])
    chat = _Chat(account, floor, settings, station)
    station.listen(chat.offer)
    ages = chat.poll_age_s, lambda: station.feed_age_s
    beat = Heartbeat(memory[0].folder, *ages, failing=lambda: station.failing)
    station.runner.after_turn(beat.beat)
    try:
        await _until_signal(station, chat)
    finally:
        floor.close()
        await beat.settle()
        await ports.exchange.close()


def _paper_ports(settings: Settings, store: FileStore, speed: float) -> tuple[Ports, Matching]:
    """The paper world: the venue's market data, and an account of our own."""
    clock, inbox = VenueClock(speed), Inbox()
    reader = BybitReader(settings.exchange, settings.market.frame_s, settings.sim)
    address, frame_s = settings.exchange.ws_public_url, settings.market.frame_s
    stream = PublicStream(address, frame_s, clock.hear, clock.now_ms)
    slippage_bps, funding_bps = settings.sim.slippage_base_bps, settings.sim.funding_8h_bps
    matching = Matching(Decimal(0), Decimal(repr(slippage_bps)), Decimal(repr(funding_bps)))
    exchange = PaperExchange(reader, matching, clock.now_ms, inbox.put)
    return Ports(exchange, stream, store, clock, inbox, exchange), matching


def _restore_account(matching: Matching, ledger: Ledger, settings: Settings) -> None:
    """Paper has no exchange that outlives us: its account is what the ledger remembers."""
    holdings = [
        # A stop we were never shown stood all the same: on paper it comes with its entry's fill.
        Holding(p.id, p.symbol, p.side, p.qty, p.avg, p.stop or p.asked_stop, p.funded_ms)
        for p in ledger.positions
        if p.qty
    ]
    live = [(o.order, o.filled_qty) for o in ledger.state.orders.values() if o.is_live]
    start = Decimal(repr(settings.sim.equity_start_usd))
    matching.restore(ledger.balance if ledger.seq else start, holdings, live)


async def _until_signal(station: Station, chat: "_Chat") -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        talking = group.create_task(chat.run(stop), name="chat")
        trading = group.create_task(station.run(), name="engine")
        await stop.wait()
        _log.info("process.stopping")
        if station.has_begun:
            await station.stop(lambda: _ended(talking))
            await trading
        trading.cancel()
        talking.cancel()
    if chat.refused is not None:
        raise chat.refused


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancel the task and wait for its last words: what they say is noted while turns are made."""
    task.cancel()
    await asyncio.wait({task})


class _Chat:
    """The chat, started again when it breaks: its faults never reach the engine."""

    def __init__(
        self, account: Account, floor: Floor, settings: Settings, station: Station
    ) -> None:
        self._account = account
        self._floor = floor
        self._settings = settings
        self._station = station
        self._chat: TelegramChat | None = None
        self.refused: ChatRefused | None = None  # why everything ended, when it was the token

    def offer(self, records: Sequence[Record]) -> None:
        """Every record of the engine; before the chat runs, the journal keeps them for it."""
        if self._chat is not None:
            self._chat.outbox.offer(records)

    def poll_age_s(self) -> float | None:
        """Real seconds since Telegram last answered."""
        return None if self._chat is None else self._chat.pulse().poll_age_s

    async def run(self, stop: asyncio.Event) -> None:
        """Talk until canceled; a refused token stops everything unless money is at risk."""
        while True:
            self._chat = TelegramChat(self._account, self._floor, self._settings)
            try:
                await self._chat.run()
            except ChatRefused as refused:
                _log.error("chat.refused", problem=refused)
                if not self._station.engine.ledger.positions:
                    self.refused = refused
                    stop.set()
                    return
            except EngineError as problem:
                _log.error("chat.failed", problem=problem)
            except ExceptionGroup:
                _log.error("chat.failed", exc_info=True)
            await asyncio.sleep(CHAT_AGAIN_S)
