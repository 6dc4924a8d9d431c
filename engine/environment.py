"""What the machine tells the process: secrets, who may speak, where things lie.

It exists so that environment variables are read in one place, all problems at once, and so that a
secret is wrapped before anything can print it. It must never echo a secret, in an error or a repr,
and it grants nothing: what it says about live trading is only the machine's half.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from engine.errors import ConfigError

CONFIG_PATH = Path("config.toml")
STATE_DIR = Path("state")

_TELEGRAM_TOKEN = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
_OTHER_SERVER_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{16,}")
ROLES = ("viewer", "trader", "owner")  # from reading to everything
_OURS = "BREAKOUT_"
_KNOWN = ("BREAKOUT_CONFIG", "BREAKOUT_STATE_DIR")
_KEY = re.compile(r"[A-Za-z0-9_-]{4,128}")
_PLACEHOLDER = re.compile(r"change[_ -]?me|your[_ -].*|<.*>|x{3,}|\.{3}|to[_ -]?do", re.IGNORECASE)
_CHAT = re.compile(r"(-?[0-9]{1,18})(\s*:\s*announce)?")
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class Secret:
    """Text that shows itself only to who asks with `reveal()`; its repr is empty."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """The text itself, for the client that needs it and for the redaction filter."""
        return self._text


class Environment(msgspec.Struct, frozen=True):
    """The environment, typed; a variable that is absent or empty has its default."""

    telegram_token: Secret | None = None
    telegram_proxy: Secret | None = None  # may carry a password
    telegram_api_url: str | None = None  # None = Telegram's own
    exchange_key: Secret | None = None  # never one without the other
    exchange_secret: Secret | None = None
    allow_live: bool = False  # the machine's half of enabling live trading
    allowed_users: Mapping[int, str] = {}  # user id -> one of ROLES; empty = nobody
    allowed_chats: frozenset[int] = frozenset()  # groups; private chats need no entry
    announce_chats: frozenset[int] = frozenset()  # those of them that are told things, never heard
    config: Path | None = None  # BREAKOUT_CONFIG
    state_dir: Path = STATE_DIR

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret that was given, for the redaction filter."""
        given = (
            self.telegram_token,
            self.telegram_proxy,
            self.exchange_key,
            self.exchange_secret,
        )
        return tuple(secret for secret in given if secret is not None)


def read_environment(env: Mapping[str, str]) -> Environment:
    """The typed environment; raises `ConfigError` with all problems at once."""
    return _Reader(env).read()


def looks_secret(text: str) -> bool:
    """Whether the text contains what is shaped like a bot token or an API key."""
    return bool(_TELEGRAM_TOKEN.search(text)) or any(map(_is_opaque, _OPAQUE.findall(text)))


def quoted(text: str) -> str:
    """The text as an error may show it: cut when long, never when it looks like a secret."""
    if looks_secret(text):
        return "a value that looks like a secret (not shown)"
    cut = text if len(text) <= 60 else f"{text[:60]}..."  # noqa: PLR2004 -- width of a line
    return msgspec.json.encode(cut).decode()


def url_problem(url: str, schemes: tuple[str, ...]) -> str | None:
    """What is wrong with an address, as `expected ..., found ...`; None when nothing is."""
    expected = f"expected an address like {schemes[0]}://host"
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return f"{expected}, found {quoted(url)}"
    if parts.username is not None or parts.password is not None:
        return f"{expected} without user and password, found one with them (not shown)"
    if parts.scheme not in schemes or not has_host:
        return f"{expected}, found {quoted(url)}"
    return None


def _is_opaque(run: str) -> bool:
    # Keys mix digits with both cases, or are long hex; symbols, zones and host names do not.
    has_lower, has_upper = run.lower() != run and run.upper() != run, run.lower() != run
    is_long = len(run) >= 32  # noqa: PLR2004 -- the shortest hex secret in use
    return any(c.isdigit() for c in run) and (is_long or (has_lower and has_upper))


class _Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._problems: list[str] = []

    def read(self) -> Environment:
        url = self._url("TELEGRAM_API_URL")
        config = self._path("BREAKOUT_CONFIG")
        key, secret = self._exchange()
        found = Environment(
            telegram_token=self._token(is_own_server=url is not None),
            telegram_proxy=self._proxy(),
            telegram_api_url=url,
            exchange_key=key,
            exchange_secret=secret,
            allow_live=self._switch("ALLOW_LIVE"),
            allowed_users=self._users(),
            allowed_chats=self._chats(),
            announce_chats=self._announced(),
            config=config,
            state_dir=self._path("BREAKOUT_STATE_DIR") or STATE_DIR,
        )
        self._refuse_unknown()
        if self._problems:
            raise ConfigError("environment", self._problems)
        return found

    def _problem(self, name: str, text: str) -> None:
        self._problems.append(f"{name}   {text}")

    def _text(self, name: str) -> str:
        return self._env.get(name, "").strip()

    def _path(self, name: str) -> Path | None:
        text = self._text(name)
        if _TELEGRAM_TOKEN.search(text):  # it would be printed, and become a directory
            self._problem(name, "expected a path, found a value that looks like a secret")
            return None
        return Path(text) if text else None

    def _refuse_unknown(self) -> None:
        """A setting that somebody believes in and nobody reads is the worst of both."""
        for name in sorted(n for n in self._env if n.startswith(_OURS) and n not in _KNOWN):
            close = get_close_matches(name, _KNOWN, n=1, cutoff=0.8)
            hint = f"; did you mean {close[0]}?" if close else ""
            self._problem(name, f"unknown; settings come from config.toml or --set{hint}")

    def _secret(self, name: str) -> str:
        direct, path = self._text(name), self._text(f"{name}_FILE")
        if not path:
            return direct
        if direct:
            self._problem(name, f"expected either {name} or {name}_FILE, found both")
            return ""
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
            self._problem(f"{name}_FILE", f"expected a readable file, found: {reason}")
            return ""
        if not text:
            self._problem(f"{name}_FILE", "expected a file with the secret, found it empty")
        return text

    def _switch(self, name: str) -> bool:
        text = self._text(name)
        if text not in ("", "0", "1"):
            self._problem(name, f"expected 1 (yes), 0 or nothing (no), found {quoted(text)}")
        return text == "1"

    def _exchange(self) -> tuple[Secret | None, Secret | None]:
        """Key and secret of the exchange: both, or neither."""
        names = "EXCHANGE_API_KEY", "EXCHANGE_API_SECRET"
        before = len(self._problems)
        key, secret = (self._secret(name) for name in names)
        for name, text in zip(names, (key, secret), strict=True):
            if _PLACEHOLDER.fullmatch(text):
                self._problem(name, "expected a real one, found a placeholder")
        if len(self._problems) == before and bool(key) != bool(secret):
            missing = names[bool(key)]
            self._problem(missing, "expected key and secret together, found only the other one")
        if len(self._problems) == before and key:
            self._judge_key(key, secret)
        if len(self._problems) > before or not key:
            return None, None
        return Secret(key), Secret(secret)

    def _judge_key(self, key: str, secret: str) -> None:
        if len(key) > len(secret):  # a secret is the longer of the two at every venue
            words = "expected the key, found something longer than the secret: are they swapped?"
            self._problem("EXCHANGE_API_KEY", words)
        elif not _KEY.fullmatch(key):
            words = "expected letters and digits, found something else (not shown)"
            self._problem("EXCHANGE_API_KEY", words)
        elif any(c.isspace() or not c.isprintable() for c in secret):
            words = "expected one word, found something else (not shown)"
            self._problem("EXCHANGE_API_SECRET", words)

    def _token(self, *, is_own_server: bool) -> Secret | None:
        token = self._secret("TELEGRAM_TOKEN")
        if not token:
            return None
        pattern = _OTHER_SERVER_TOKEN if is_own_server else _TELEGRAM_TOKEN
        if pattern.fullmatch(token):
            return Secret(token)
        self._problem(
            "TELEGRAM_TOKEN",
            "expected a bot token as BotFather gives it (digits, a colon, 35 characters), "
            "found something else (not shown)",
        )
        return None

    def _proxy(self) -> Secret | None:
        proxy = self._secret("TELEGRAM_PROXY")
        try:
            parts = urlsplit(proxy)
            is_good = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_good = False
        if proxy and not is_good:
            schemes = ", ".join(_PROXY_SCHEMES)
            self._problem("TELEGRAM_PROXY", f"expected scheme://host:port with one of {schemes}")
        return Secret(proxy) if proxy and is_good else None

    def _url(self, name: str) -> str | None:
        url = self._text(name)
        problem = url_problem(url, ("https", "http")) if url else None
        if problem:
            self._problem(name, problem)
        return url.rstrip("/") or None

    def _users(self) -> dict[int, str]:
        users: dict[int, str] = {}
        for item in _items(self._text("TELEGRAM_ALLOWED_USERS")):
            number, _, role = (part.strip() for part in item.partition(":"))
            is_known = role in ROLES
            if not (number.isascii() and number.isdigit() and is_known):
                expected = "expected id:role with role viewer, trader or owner, like 123:owner"
                self._problem("TELEGRAM_ALLOWED_USERS", f"{expected}, found {quoted(item)}")
            elif int(number) in users:
                self._problem("TELEGRAM_ALLOWED_USERS", f"expected each id once, {number} is twice")
            else:
                users[int(number)] = role
        return users

    def _chats(self) -> frozenset[int]:
        chats: set[int] = set()
        for item in _items(self._text("TELEGRAM_ALLOWED_CHATS")):
            if found := _CHAT.fullmatch(item):
                chats.add(int(found[1]))
            else:
                expected = "expected chat ids separated by commas, like -100123 or -100123:announce"
                self._problem("TELEGRAM_ALLOWED_CHATS", f"{expected}, found {quoted(item)}")
        return frozenset(chats)

    def _announced(self) -> frozenset[int]:
        items = map(_CHAT.fullmatch, _items(self._text("TELEGRAM_ALLOWED_CHATS")))
        return frozenset(int(found[1]) for found in items if found and found[2])


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
