"""The composition root: builds every adapter of one world, runs them, and owns the way down.

It exists as the only place that knows who is who: sandbox or real venue, embedded or real chat.
It must never decide a trade, and never end without the journal closed.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot import last_words, worlds
from bot.floor import Floor
from bot.gate import Gate, Role
from bot.memory import Load, Memory, open_memory
from bot.modes import Asked, Modes
from bot.sandbox.host import Place, Sandbox, identify, remember
from bot.sandbox.people import OWNER_ID, TRADER_ID, VIEWER_ID
from bot.sandbox.serve import EXAMPLE_TOKEN
from bot.telegram_app import Account, TelegramChat
from engine import config, log
from engine.core.facts import Record
from engine.core.settings import Settings
from engine.core.values import LIVE, Ms
from engine.environment import Environment, read_environment
from engine.errors import ChatRefused, ConfigError, Denied, EngineError
from engine.live.access import Access
from engine.live.heartbeat import Heartbeat
from engine.live.station import Station
from engine.live.store import FileStore
from engine.log import Log

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
    mode: str | None = None  # None: the one that was chosen last


class Plan(NamedTuple):
    """What stays the same from one world of this process to the next."""

    options: Options
    environment: Environment
    load: Load
    modes: Modes


async def run(options: Options, env: Mapping[str, str]) -> int:
    """Run the bot until SIGTERM or SIGINT; raises `EngineError` with the exit code inside."""
    environment = read_environment(env)
    load: Load = partial(config.load, config.locate(options.config, env), options.sets, env)
    settings = load(None)
    secrets = [secret.reveal() for secret in environment.secrets]
    log.setup(settings.log.level, as_json=settings.log.json, secrets=secrets)
    if not options.is_sandbox and environment.telegram_token is None:
        problem = "expected a bot token, found none; talk to @BotFather, or try --sandbox"
        raise ConfigError("environment", [f"TELEGRAM_TOKEN  {problem}"])
    asked = Asked(options.mode, options.state_dir, options.is_sandbox, options.speed)
    plan = Plan(options, environment, load, Modes(environment, asked))
    has_changed = await _one_world(plan)
    while has_changed:
        has_changed = await _next_world(plan)
    return 0


async def _one_world(plan: Plan) -> bool:
    """One account from its directory to its end; whether it ended for another mode."""
    store = FileStore(plan.modes.folder, plan.modes.kind)
    is_clean = False
    try:
        memory = open_memory(store, plan.load, plan.load(None))
        begin = _in_sandbox if plan.options.is_sandbox else _joined
        has_changed = await begin(plan, memory)
        is_clean = True
    finally:
        store.close(is_clean=is_clean)
    return has_changed


async def _next_world(plan: Plan) -> bool:
    """The mode a person chose; if it cannot begin, paper again, and that is told."""
    try:
        return await _one_world(plan)
    except (EngineError, ExceptionGroup) as problem:
        if not plan.modes.is_new:
            raise
        _log.error("mode.refused", mode=plan.modes.mode, problem=problem, exc_info=True)
        words = f"{problem}. It stays on paper."
        await _tell(_account(plan), plan.modes.mode, words)
    plan.modes.fall_back()
    return await _one_world(plan)


async def _joined(plan: Plan, memory: Memory) -> bool:
    """A venue and a chat that are not ours."""
    plan.modes.check_pace(memory.settings)
    account = _account(plan)
    try:
        world = await _world(plan, memory)
    except Denied as denial:
        if not plan.modes.is_new:  # else who chose it is told that paper goes on
            await _tell(account, plan.modes.mode, str(denial))
        raise
    return await _trade(plan, memory, world, (account, memory.settings.exchange.id))


async def _tell(account: Account, mode: str, words: str) -> None:
    await last_words.say(account, Gate(account.users, account.chats).places, mode, words)


async def _in_sandbox(plan: Plan, memory: Memory) -> bool:
    store, ledger, settings, _ = memory
    options, environment = plan.options, plan.environment
    market = identify(store.folder, options.seed, options.data)
    joins = environment.telegram_api_url or ""
    is_joined = joins.startswith(_LOOPBACK)
    place = Place(options.host, options.port, options.speed, has_chat=not is_joined)
    sandbox = Sandbox(market, place, ledger.state.at_ms or None)
    if plan.modes.mode == LIVE and ledger.seq:
        sandbox.restore(ledger.balance, *worlds.remembered(ledger))
    await sandbox.open()
    try:
        remember(store.folder, market)
        exchange = msgspec.structs.replace(
            settings.exchange, rest_url=sandbox.rest_url, ws_public_url=sandbox.stream_url
        )
        settings = msgspec.structs.replace(settings, exchange=exchange)
        memory = memory._replace(settings=settings)
        account = _account(plan) if is_joined else _embedded_account(sandbox)
        page = joins if is_joined else sandbox.rest_url
        options.say(f"Breakout sandbox ({sandbox.words}): open {page}/")
        async with asyncio.TaskGroup() as group:
            pacing = group.create_task(sandbox.run(), name="market")
            world = await _world(plan, memory)
            await _trade(plan, memory, world, (account, sandbox.words))
            pacing.cancel()
    finally:
        await sandbox.close()
    return False  # its mode is the command line's


async def _world(plan: Plan, memory: Memory) -> worlds.World:
    """The adapters of the mode in force."""
    store, ledger, settings, _ = memory
    if plan.modes.mode == LIVE:
        right = plan.modes.right(settings, ledger)
        return await worlds.live(settings, (store, ledger), plan.options.speed, right)
    return worlds.paper(settings, store, ledger, plan.options.speed)


def _embedded_account(sandbox: Sandbox) -> Account:
    users = {OWNER_ID: Role.OWNER, TRADER_ID: Role.TRADER, VIEWER_ID: Role.VIEWER}
    return Account(token=EXAMPLE_TOKEN, users=users, api_url=sandbox.rest_url)


def _account(plan: Plan) -> Account:
    """A chat that is not ours, and its people."""
    environment = plan.environment
    token = environment.telegram_token
    if token is None:
        raise ConfigError("environment", ["TELEGRAM_TOKEN  expected a bot token, found none"])
    proxy = environment.telegram_proxy
    has_owner = Role.OWNER.name.lower() in environment.allowed_users.values()
    return Account(
        token=token.reveal(),
        users={user: Role[name.upper()] for user, name in environment.allowed_users.items()},
        chats=tuple(sorted(environment.allowed_chats)),
        announce=tuple(environment.announce_chats),
        api_url=environment.telegram_api_url or "",
        proxy=proxy.reveal() if proxy else "",
        heir=None if has_owner else plan.modes.owner_elsewhere(plan.load),
        say=plan.options.say,
    )


async def _trade(
    plan: Plan, memory: Memory, world: worlds.World, chat_of: tuple[Account, str]
) -> bool:
    """Run engine and chat side by side until they shall end, then bring both down in order."""
    (account, source), (store, ledger, settings, untuned) = chat_of, memory
    station = Station(settings, ledger, world.ports, world.start._replace(untuned=untuned))
    floor = Floor(station, world.ports, source, (plan.load, plan.modes))
    chat = _Chat(account, floor, settings, station)
    station.listen(chat.offer)
    ages = chat.poll_age_s, lambda: station.feed_age_s
    beat = Heartbeat(
        store.folder, *ages, failing=lambda: _failing(station, world.access) + chat.failing
    )
    station.runner.after_turn(beat.beat)
    try:
        return await _until_over(plan.modes, station, chat, world.access)
    finally:
        floor.close()
        await beat.settle()
        await world.ports.exchange.close()


async def _until_over(modes: Modes, station: Station, chat: "_Chat", access: Access | None) -> bool:
    """Until a signal, or another mode was chosen; True for the latter."""
    stop, signaled, begun = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def end() -> None:
        signaled.set()
        stop.set()

    def begin(_at_ms: Ms) -> None:
        if not begun.is_set():
            begun.set()
            modes.is_new = False  # a later choice is another world's

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    modes.listen(stop.set)
    station.runner.after_turn(begin)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(access, begun), name="access")
        talking = group.create_task(chat.run(end), name="chat")
        trading = group.create_task(station.run(), name="engine")
        await stop.wait()
        _log.info("process.stopping")
        if station.has_begun:
            await station.stop(lambda: _ended(talking))
            await trading
        for task in (trading, talking, watching):
            task.cancel()
    if chat.refused is not None:
        raise chat.refused
    return not signaled.is_set()


def _failing(station: Station, access: Access | None) -> tuple[str, ...]:
    """What a health check shall name: timers, and a right to trade that ended."""
    denial = None if access is None else access.problem
    return station.failing if denial is None else (*station.failing, f"exchange ({denial})")


async def _watch(access: Access | None, begun: asyncio.Event) -> None:
    """Look after the right to trade, where that can end, once the engine listens."""
    await begun.wait()
    if access is not None:
        await access.run()


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

    @property
    def failing(self) -> tuple[str, ...]:
        """What a health check shall name of the chat."""
        return () if self._chat is None else self._chat.failing

    async def run(self, end: Callable[[], None]) -> None:
        """Talk until canceled; a refused token stops everything unless money is at risk."""
        while True:
            self._chat = TelegramChat(self._account, self._floor, self._settings)
            try:
                await self._chat.run()
            except ChatRefused as refused:
                _log.error("chat.refused", problem=refused)
                if not self._station.engine.ledger.positions:
                    self.refused = refused
                    end()
                    return
            except EngineError as problem:
                _log.error("chat.failed", problem=problem)
            except ExceptionGroup:
                _log.error("chat.failed", exc_info=True)
            _obey_cancel()
            await asyncio.sleep(CHAT_AGAIN_S)


def _obey_cancel() -> None:
    """A task group that fails while it is canceled tells of the failure alone: end all the same."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
