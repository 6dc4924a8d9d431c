"""engine.environment: typed variables, no secret ever shown."""

from pathlib import Path

import pytest

from engine.environment import (
    Environment,
    Secret,
    looks_secret,
    quoted,
    read_environment,
)
from engine.errors import ConfigError

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
KEY, KEY_SECRET = "xQ3nfaNwqWe7Hg5Rkp", "tZ8vLm2Qw0Ke4Rb6Yu1Io3Pa5Sd7Fg9Hj2Kl"


def problems(env: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_environment(env)
    assert caught.value.source == "environment"
    return caught.value.problems


def test_nothing_given() -> None:
    empty = {"TELEGRAM_TOKEN": "", "TELEGRAM_ALLOWED_USERS": " ", "BREAKOUT_STATE_DIR": ""}

    assert read_environment({}) == read_environment(empty) == Environment()
    assert Environment().secrets == ()


def test_everything_given() -> None:
    env = {
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_ALLOWED_USERS": "123:owner, 456:viewer,",
        "TELEGRAM_ALLOWED_CHATS": "-100123, 7,-8 : announce,-9:announce",
        "TELEGRAM_API_URL": "http://127.0.0.1:8081/",
        "TELEGRAM_PROXY": "socks5://me:hunter2@proxy:1080",
        "BREAKOUT_CONFIG": "other.toml",
        "BREAKOUT_STATE_DIR": "/data",
    }

    found = read_environment(env)

    assert found == Environment(
        telegram_token=Secret(TOKEN),
        telegram_proxy=Secret("socks5://me:hunter2@proxy:1080"),
        telegram_api_url="http://127.0.0.1:8081",
        allowed_users={123: "owner", 456: "viewer"},
        allowed_chats=frozenset({-100123, 7, -8, -9}),
        announce_chats=frozenset({-8, -9}),
        config=Path("other.toml"),
        state_dir=Path("/data"),
    )
    assert [s.reveal() for s in found.secrets] == [TOKEN, "socks5://me:hunter2@proxy:1080"]
    for shown in (repr(found), str(found), f"{found}"):
        assert TOKEN not in shown
        assert "hunter2" not in shown


def test_secret_from_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")

    found = read_environment({"TELEGRAM_TOKEN_FILE": str(file)})

    assert found == Environment(telegram_token=Secret(TOKEN))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "expected a readable file, found: No such file or directory"),
        (b"\xff", "expected a readable file, found: no UTF-8 text"),
        (b" \n", "expected a file with the secret, found it empty"),
    ],
)
def test_secret_file_that_does_not_serve(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    found = problems({"TELEGRAM_TOKEN_FILE": str(file)})

    assert found == [f"TELEGRAM_TOKEN_FILE   {problem}"]


def test_secret_given_twice() -> None:
    found = problems({"TELEGRAM_PROXY": "http://a:1", "TELEGRAM_PROXY_FILE": "x"})

    assert found == [
        "TELEGRAM_PROXY   expected either TELEGRAM_PROXY or TELEGRAM_PROXY_FILE, found both"
    ]


def test_all_problems_at_once_without_secrets() -> None:
    env = {
        "TELEGRAM_TOKEN": "CHANGE_ME_123456789",
        "TELEGRAM_ALLOWED_USERS": f"1,2:king,-3:owner,4:owner,4:viewer,{TOKEN},²:owner",
        "TELEGRAM_ALLOWED_CHATS": "a,1.5,-7:loud",
        "TELEGRAM_API_URL": "ftp://x",
        "TELEGRAM_PROXY": "me:hunter2@proxy",
    }

    expected = "expected id:role with role viewer, trader or owner, like 123:owner, found "
    chats = "expected chat ids separated by commas, like -100123 or -100123:announce, found "
    assert problems(env) == [
        'TELEGRAM_API_URL   expected an address like https://host, found "ftp://x"',
        (
            "TELEGRAM_TOKEN   expected a bot token as BotFather gives it "
            "(digits, a colon, 35 characters), found something else (not shown)"
        ),
        "TELEGRAM_PROXY   expected scheme://host:port with one of http, https, socks5, socks5h",
        f'TELEGRAM_ALLOWED_USERS   {expected}"1"',
        f'TELEGRAM_ALLOWED_USERS   {expected}"2:king"',
        f'TELEGRAM_ALLOWED_USERS   {expected}"-3:owner"',
        "TELEGRAM_ALLOWED_USERS   expected each id once, 4 is twice",
        f"TELEGRAM_ALLOWED_USERS   {expected}a value that looks like a secret (not shown)",
        f'TELEGRAM_ALLOWED_USERS   {expected}"²:owner"',
        f'TELEGRAM_ALLOWED_CHATS   {chats}"a"',
        f'TELEGRAM_ALLOWED_CHATS   {chats}"1.5"',
        f'TELEGRAM_ALLOWED_CHATS   {chats}"-7:loud"',
    ]


@pytest.mark.parametrize("proxy", ["http://host:0", "http://[::1", "gopher://host", "http://"])
def test_proxy_that_is_none(proxy: str) -> None:
    assert problems({"TELEGRAM_PROXY": proxy}) == [
        "TELEGRAM_PROXY   expected scheme://host:port with one of http, https, socks5, socks5h"
    ]


def test_another_server_has_other_tokens() -> None:
    own = {"TELEGRAM_API_URL": "http://127.0.0.1:8090", "TELEGRAM_TOKEN": "1:sandbox"}

    assert read_environment(own).telegram_token == Secret("1:sandbox")
    assert len(problems({"TELEGRAM_TOKEN": "1:sandbox"})) == 1


@pytest.mark.parametrize(
    "text",
    [
        "https://api.bybit.com",
        "wss://stream-testnet.bybit.com/v5/public/linear",
        "America/Argentina/ComodRivadavia",
        "1000000BABYDOGEUSDT",
        "risk.max_open_positions",
        "momentum_stop_atr_2",
    ],
)
def test_ordinary_text_is_no_secret(text: str) -> None:
    assert not looks_secret(text)
    assert quoted(text) == f'"{text}"'


@pytest.mark.parametrize("text", [TOKEN, f"x {TOKEN}", "xQ3nfaNwqWe7Hg5Rkp", "0f" * 16, "0F" * 20])
def test_keys_and_tokens_are_secrets(text: str) -> None:
    assert looks_secret(text)
    assert quoted(text) == "a value that looks like a secret (not shown)"


def test_long_text_is_cut() -> None:
    assert quoted("a" * 100) == '"' + "a" * 60 + '..."'


def exchange(**changes: str) -> dict[str, str]:
    return {"EXCHANGE_API_KEY": KEY, "EXCHANGE_API_SECRET": KEY_SECRET, **changes}


def test_the_exchange_key_and_the_permission(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{KEY_SECRET}\n", encoding="utf-8")
    given = exchange(EXCHANGE_API_SECRET="", EXCHANGE_API_SECRET_FILE=str(file), ALLOW_LIVE=" 1 ")

    found = read_environment(given)

    assert found == Environment(
        exchange_key=Secret(KEY), exchange_secret=Secret(KEY_SECRET), allow_live=True
    )
    assert [s.reveal() for s in found.secrets] == [KEY, KEY_SECRET]
    assert KEY not in repr(found)
    assert KEY_SECRET not in repr(found)
    assert not read_environment({"ALLOW_LIVE": "0"}).allow_live
    assert read_environment(
        {"EXCHANGE_API_KEY": "sandbox", "EXCHANGE_API_SECRET": "sandbox"}
    ).exchange_secret == Secret("sandbox")


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({"ALLOW_LIVE": "yes"}, 'ALLOW_LIVE   expected 1 (yes), 0 or nothing (no), found "yes"'),
        (
            exchange(EXCHANGE_API_KEY="CHANGE_ME"),
            "EXCHANGE_API_KEY   expected a real one, found a placeholder",
        ),
        (
            exchange(EXCHANGE_API_SECRET="<secret>"),
            "EXCHANGE_API_SECRET   expected a real one, found a placeholder",
        ),
        (
            exchange(EXCHANGE_API_SECRET=""),
            "EXCHANGE_API_SECRET   expected key and secret together, found only the other one",
        ),
        (
            exchange(EXCHANGE_API_KEY=""),
            "EXCHANGE_API_KEY   expected key and secret together, found only the other one",
        ),
        (
            exchange(EXCHANGE_API_KEY=KEY_SECRET, EXCHANGE_API_SECRET=KEY),
            (
                "EXCHANGE_API_KEY   expected the key, found something longer than the secret: "
                "are they swapped?"
            ),
        ),
        (
            exchange(EXCHANGE_API_KEY="key: abc"),
            "EXCHANGE_API_KEY   expected letters and digits, found something else (not shown)",
        ),
        (
            exchange(EXCHANGE_API_SECRET="two words and more"),
            "EXCHANGE_API_SECRET   expected one word, found something else (not shown)",
        ),
        (
            exchange(EXCHANGE_API_KEY_FILE="/nowhere"),
            (
                "EXCHANGE_API_KEY   expected either EXCHANGE_API_KEY or EXCHANGE_API_KEY_FILE, "
                "found both"
            ),
        ),
    ],
)
def test_an_exchange_key_that_does_not_serve(env: dict[str, str], found: str) -> None:
    (said,) = problems(env)
    assert said == found
    assert KEY not in said
    assert KEY_SECRET not in said
