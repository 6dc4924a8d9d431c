"""Paper and live as they are built: which adapters, and what a live start refuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession

from bot import worlds
from bot.memory import NOTHING
from bot.modes import Asked, Door, Modes
from builders import T0, D
from engine.core import facts as f
from engine.core.events import ExchangeSeen
from engine.core.ledger import Ledger
from engine.core.positions import Position
from engine.core.settings import Exchange, Settings
from engine.core.values import Arm, Setup, Side
from engine.environment import Environment, Secret
from engine.errors import Denied, StoreError, Transient
from engine.live.paper import PaperExchange
from engine.live.store import FileStore
from engine.live.trader import BybitExchange
from engine.live.wire import Keys
from engine.sim.sources import feed_from
from engine.sim.venue import Venue
from serving import serving

GONE = "http://127.0.0.1:9"


def settings(url: str) -> Settings:
    stream = url.replace("http", "ws") + "/v5/public/linear"
    return Settings(exchange=Exchange(rest_url=url, ws_public_url=stream))


def right(url: str, keys: Keys = worlds.SANDBOX_KEYS) -> worlds.Right:
    return worlds.Right(keys, Arm("@ann (11)", url, 5), is_paused=True)


@asynccontextmanager
async def venue() -> AsyncIterator[str]:
    """A market that stands still, and its account."""
    async with serving(Venue(feed_from(None, 1), speed=60)) as url:
        yield url


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "live", "live")


def holding() -> Ledger:
    """A ledger that was begun and holds something."""
    ledger = Ledger()
    ledger.state.boot = 1
    ledger.state.positions[1] = Position(
        id=1,
        symbol="SOLUSDT",
        side=Side.LONG,
        setup=Setup.MOMENTUM,
        signal_id="s",
        level_price=1.0,
        atr0=1.0,
        asked_stop=D(1),
        asked_ms=T0,
    )
    return ledger


async def test_paper_holds_no_client_that_could_order(store: FileStore) -> None:
    world = worlds.paper(settings(GONE), store, Ledger(), 1)
    assert isinstance(world.ports.exchange, PaperExchange)
    assert world.access is None
    start = world.start
    assert (start.mode, start.balance, start.arm, start.is_paused) == (
        "paper",
        D(10_000),
        None,
        False,
    )
    await world.ports.exchange.close()


async def test_live_begins_with_the_wallet_of_the_venue(store: FileStore) -> None:
    async with venue() as url:
        world = await worlds.live(settings(url), (store, Ledger()), 60, right(url))
        assert isinstance(world.ports.exchange, BybitExchange)
        start = world.start
        assert (start.mode, start.balance, start.venue) == ("live", D(10_000), url)
        assert (start.arm, start.is_paused, start.account) == (right(url).arm, True, "1")
        assert world.ports.clock.is_anchored
        assert world.access is not None
        assert world.access.problem is None
        world.ports.watcher.see(ExchangeSeen(None))
        await world.ports.exchange.close()


async def test_a_key_that_is_denied_ends_a_start_with_nothing_open(store: FileStore) -> None:
    async with venue() as url:
        wrong = right(url, Keys("nobody", "nothing"))
        with pytest.raises(Denied, match="10003"):
            await worlds.live(settings(url), (store, Ledger()), 60, wrong)


async def test_with_something_open_it_stays_and_says_why(store: FileStore) -> None:
    async with venue() as url:
        wrong = right(url, Keys("nobody", "nothing"))
        world = await worlds.live(settings(url), (store, holding()), 60, wrong)
        assert world.access is not None
        assert "10003" in (world.access.problem or "")
        assert world.start.balance == 0  # known from the ledger
        world.access.tell()
        event = await world.ports.inbox.get()
        assert isinstance(event, ExchangeSeen)
        await world.ports.exchange.close()


async def test_a_ledger_of_another_venue_is_refused(store: FileStore) -> None:
    ledger = Ledger()
    ledger.apply(f.Record(1, T0, f.LiveArmed(Arm("@ann (11)", "http://127.0.0.1:1", 1))))
    with pytest.raises(StoreError) as caught:
        await worlds.live(settings(GONE), (store, ledger), 1, right(GONE))
    assert "found that of http://127.0.0.1:1; set exchange.rest_url back" in str(caught.value)


async def test_the_key_of_another_account_is_refused_whatever_is_open(store: FileStore) -> None:
    ledger = holding()
    ledger.apply(f.Record(1, T0, f.Booted(2, "0.1", "live", was_clean=True, account="7")))
    async with venue() as url:
        with pytest.raises(StoreError, match="expected 7, which the ledger is of, found 1"):
            await worlds.live(settings(url), (store, ledger), 60, right(url))
        found = await worlds.survey(settings(url), ledger, worlds.SANDBOX_KEYS, 60)
    (refusal,) = found.refusals
    assert "use its key, or move the state directory away" in refusal


async def test_an_account_that_is_never_shown_is_not_traded(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "FIRST_PAUSE_S", 0.0)
    fault = {"target": "user/query-api", "kind": "reply", "ret_code": 10016}
    async with venue() as url, ClientSession() as session:
        await session.post(url + "/venue/faults", json={"faults": [fault]})
        for ledger in (Ledger(), holding()):
            world = await worlds.live(settings(url), (store, ledger), 600, right(url))
            assert world.access is not None
            assert "could not be looked at yet" in (world.access.problem or "")
            assert "10016" in (world.access.problem or "")
            assert world.start.account == ""
            await world.ports.exchange.close()


async def test_a_venue_that_is_not_there_gets_a_moment(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "FIRST_PAUSE_S", 0.0)
    with pytest.raises(Transient):
        await worlds.live(settings(GONE), (store, Ledger()), 1, right(GONE))


async def test_the_prospect_shows_what_the_venue_and_our_records_say() -> None:
    async with venue() as url:
        found = await worlds.survey(settings(url), holding(), worlds.SANDBOX_KEYS, 60)
    assert (found.equity, found.preset, found.held) == (D(10_000), "breakout_v1", 1)
    assert found.refusals == ()


async def test_the_chat_sees_it_through_its_door(tmp_path: Path) -> None:
    machine = Environment(
        exchange_key=Secret("sandbox"), exchange_secret=Secret("sandbox"), state_dir=tmp_path
    )
    modes = Modes(machine, Asked(None, None, is_sandbox=False, speed=60))
    async with venue() as url:
        door = Door(modes, lambda: settings(url), lambda _preset, _tuned=NOTHING: settings(url))
        found = await door.prospect()
    assert (found.equity, found.held, found.refusals) == (D(10_000), 0, ())
    again = FileStore(tmp_path / "live", "live")  # let go of, and of its kind
    again.close()


@pytest.mark.parametrize(
    ("rest", "stream", "is_local"),
    [
        (GONE, "ws://localhost:1/x", True),
        (GONE, "wss://stream.bybit.com/v5/public/linear", False),
        ("https://api.bybit.com", "ws://[::1]:1/x", False),
        ("http://127.0.0.1.evil.example", "ws://127.0.0.1:1", False),
    ],
)
def test_what_is_on_this_machine(rest: str, stream: str, *, is_local: bool) -> None:
    exchange = Exchange(rest_url=rest, ws_public_url=stream)
    assert worlds.is_local(msgspec.structs.replace(Settings(), exchange=exchange)) is is_local


TESTNET = "wss://stream-testnet.bybit.com/v5/public/linear"
MAIN = "wss://stream.bybit.com/v5/public/linear"


@pytest.mark.parametrize(
    ("rest", "stream", "is_one"),
    [
        ("https://api.bybit.com", MAIN, True),
        ("https://api-demo.bybit.com", MAIN, True),  # it has no public stream of its own
        ("https://api.bybit.nl", "wss://stream.bybit.nl/v5/public/linear", True),
        ("https://api-testnet.bybit.com", TESTNET, True),
        ("https://api.bybit.com", TESTNET, False),
        ("https://api-testnet.bybit.com", MAIN, False),
        ("https://api.bybit.com", MAIN.replace("wss", "ws"), False),
        ("https://api.bybit.com", "wss://stream.bybit.com.evil.example", False),
        ("https://api.bybit.com.evil.example", MAIN, False),
        (GONE, MAIN, False),
        ("https://api.bybit.com", "ws://127.0.0.1:1", False),
        (GONE, "ws://127.0.0.1:1", True),
    ],
)
def test_prices_and_orders_are_of_one_place(rest: str, stream: str, *, is_one: bool) -> None:
    exchange = Exchange(rest_url=rest, ws_public_url=stream)
    assert worlds.is_one_venue(msgspec.structs.replace(Settings(), exchange=exchange)) is is_one


async def test_waiting_counts_on_the_market_clock() -> None:
    real, fast = worlds._timing(1), worlds._timing(1000)
    assert (real.is_flowing, fast.is_flowing) == (True, False)
    before = fast.monotonic()
    await fast.sleep(1.0)  # a thousandth of it, really
    assert fast.monotonic() - before >= 1.0
