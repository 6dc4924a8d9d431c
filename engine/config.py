"""Settings from defaults, a preset, config.toml and `--set`, in that precedence.

It exists because the typed decoder stops at the first error: keys are converted one by one, in file
order, and what does not fit is collected, so that all problems come at once. It must never guess,
never use a value it complained about, and never echo what looks like a secret.
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from engine import preset as presets
from engine.catalog import (
    INT_SHOWN_MAX,
    SECTIONS,
    Declared,
    declared,
    expected,
    found,
    key_names,
    toml,
    unit_hint,
)
from engine.consistency import RULES
from engine.core.settings import Settings
from engine.environment import CONFIG_PATH, looks_secret, quoted
from engine.errors import ConfigError

PRESET = "bot.preset"
CHOSEN = " (/set)"

_SECRET_NAMES = ("token", "secret", "password", "api_key", "apikey")
_FILE_ONLY = "caps"  # what nothing exceeds: a command line is no place to raise it
_NOTED_TOKEN = re.compile(r"#[^\n]*?\d{6,}:[A-Za-z0-9_-]{30,}")  # in a comment: it would be kept
_FROM_ENVIRONMENT = (
    "secrets come from the environment (TELEGRAM_TOKEN or TELEGRAM_TOKEN_FILE), never from here"
)


class _Entry(msgspec.Struct, frozen=True):
    """One value somebody gave, in the order given."""

    path: str
    value: Any
    origin: str = ""  # shown behind its problems: empty for the file that is read
    problem: str | None = None  # what is wrong with it, where that is known already


class _Problem(msgspec.Struct, frozen=True):
    """What is wrong, and where in the order of what was given."""

    index: int
    path: str
    text: str


def load(
    path: Path | None,
    sets: Sequence[str],
    env: Mapping[str, str],
    preset: str | None = None,
    tuned: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """The settings; raises `ConfigError` with every problem of presets, file and `--set` options.

    A `preset` given here stands above the one that file and options name, and `tuned`, values as
    TOML that a person chose in the chat, above everything.
    """
    source = locate(path, env)
    given = [] if source is None else list(_file_entries(source))
    given += map(_set_entry, sets)
    if preset is not None:
        given.append(_Entry(PRESET, preset, " (chosen)"))
    given += [_Entry(key, parsed(value), CHOSEN) for key, value in tuned.items()]
    name = next((e.value for e in reversed(given) if e.path == PRESET), Settings().bot.preset)
    below = _preset_entries(name, f" (preset {name})") if name in presets.names() else []
    return _settled("settings" if source is None else str(source), below, given)


def check_presets() -> None:
    """Judge each preset by itself; raises `ConfigError` with every problem of all of them."""
    problems = []
    for name in presets.names():
        try:
            _settled(name, _preset_entries(name), [])
        except ConfigError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(str(presets.FOLDER), problems)


def locate(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """The file that is read: as given, or `BREAKOUT_CONFIG`, or `config.toml` where it exists."""
    if path is not None:
        return path
    named = env.get("BREAKOUT_CONFIG", "").strip()
    if named:
        return Path(named)
    return CONFIG_PATH if CONFIG_PATH.exists() else None


def of_preset(name: str) -> Settings:
    """The defaults with that preset, and nothing else."""
    return _overlay(_preset_entries(name), [])


def effective(settings: Settings) -> list[str]:
    """Every key as one TOML line; what differs from the default says so, and what a preset sets."""
    preset = of_preset(settings.bot.preset)
    return [_effective(settings, preset, key) for key in declared()]


def shown(value: object) -> str:
    """A value as TOML, as anybody may see it."""
    words = toml(value)
    return '"(not shown)"' if looks_secret(words) else words


def _effective(settings: Settings, preset: Settings, key: Declared) -> str:
    value, by_preset, default = (attrgetter(key.path)(s) for s in (settings, preset, Settings()))
    name = settings.bot.preset
    notes = [f"default {key.default}"] if value != default else []
    if by_preset != default:
        notes.insert(0, name if value == by_preset else f"{name} {toml(by_preset)}")
    line = f"{key.path} = {shown(value)}"
    return f"{line}  # {', '.join(notes)}" if notes else line


# What was given


def _file_entries(path: Path) -> Iterator[_Entry]:
    for name, table in _parse(path).items():
        if name in SECTIONS and isinstance(table, dict):
            yield from (_Entry(f"{name}.{key}", value) for key, value in table.items())
        else:
            yield _Entry(name, table)


def _preset_entries(name: str, origin: str = "") -> list[_Entry]:
    entries = _file_entries(presets.path_of(name))
    return [_Entry(e.path, e.value, origin, _foreign(e.path)) for e in entries]


def _foreign(path: str) -> str | None:
    if path.partition(".")[0] in presets.NEVER:
        return "expected in config.toml, never in a preset"
    return None


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        parsed = tomllib.loads(text)
    except OSError as error:
        reason = f"expected a readable file, found: {error.strerror}"
    except UnicodeDecodeError:
        reason = "expected UTF-8 text, found other bytes"
    except ValueError as error:  # no TOML, or a number too long to be one
        reason = f"expected TOML, found: {error}"
    else:
        if _NOTED_TOKEN.search(text) is None:
            return parsed
        reason = f"found a bot token in a comment (not shown); {_FROM_ENVIRONMENT}"
    raise ConfigError(str(path), [reason])


def _set_entry(text: str) -> _Entry:
    path, equals, value = text.partition("=")
    section, _, key = path.strip().partition(".")
    if not (equals and section and key):
        words = "expected KEY=VALUE with a key like risk.max_open_positions"
        return _Entry("--set", text, problem=f"{words}, found {quoted(text)}")
    return _Entry(f"{section}.{key}", parsed(value.strip()), " (--set)")


def parsed(text: str) -> Any:  # noqa: ANN401 -- whatever TOML holds
    """A value as TOML; a bare word is a text."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except ValueError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


# What fits


def _settled(title: str, below: list[_Entry], given: list[_Entry]) -> Settings:
    """Settings from the entries of a preset and those above it."""
    problems: list[_Problem] = []
    entries = [*below, *given]
    settings = _overlay(entries, problems)
    bad = {p.path for p in problems}
    if not bad & {e.path for e in below}:
        problems += _idle_entries(below)
    if PRESET not in bad:  # of a strategy nobody knows nothing follows
        problems += _broken_rules(settings, entries, bad)
    if problems:
        raise ConfigError(title, _lines(problems))
    return settings


def _overlay(entries: Sequence[_Entry], problems: list[_Problem]) -> Settings:
    """The defaults but for these entries; what does not fit goes to `problems`."""
    good: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for index, entry in enumerate(entries):
        name, _, key = entry.path.partition(".")
        text = entry.problem or _misplaced(name, key, entry.value) or _refused(entry)
        if text is None:
            try:
                good[name][key] = _converted(entry.value, SECTIONS[name].__annotations__[key])
            except msgspec.ValidationError:
                text = _misfit(name, key, entry.value)
        if text is not None:
            problems.append(_Problem(index, entry.path, text + entry.origin))
    sections: dict[str, Any] = {name: cls(**good[name]) for name, cls in SECTIONS.items()}
    return Settings(**sections)


def _misfit(name: str, key: str, value: object) -> str:
    section = SECTIONS[name]
    hint = unit_hint(section, key, value)
    return f"expected {expected(section, key)}, found {found(value)}{hint}"


def _converted(value: object, kind: object) -> object:
    made = msgspec.convert(value, kind)
    # The range of a key refuses these by itself; inside a list nothing else would.
    if not all(abs(number) <= INT_SHOWN_MAX for number in _numbers(made)):
        raise msgspec.ValidationError
    return made


def _numbers(value: object) -> Iterator[float]:
    """Every number in a value; nan compares as nothing and is beyond any limit."""
    if isinstance(value, tuple):
        yield from (number for item in value for number in _numbers(item))
    elif isinstance(value, (int, float)):
        yield value


def _misplaced(name: str, key: str, value: object) -> str | None:
    if name in SECTIONS:
        if key in SECTIONS[name].__struct_fields__:
            return None
        if not key:
            return f"expected a table [{name}], found {found(value)}"
    names = " ".join([name, key, *(value if isinstance(value, dict) else ())]).lower()
    if any(word in names for word in _SECRET_NAMES):
        return _FROM_ENVIRONMENT
    if not key and not isinstance(value, dict):
        return f"unknown key outside a section{_hint(name, name)}"
    if name not in SECTIONS:
        return f"unknown section{_close(name, SECTIONS)}"
    return f"unknown key{_hint(name, key)}"


def _hint(section: str, key: str) -> str:
    keys = key_names()
    owners = [f"{name}.{key}" for name, names in keys.items() if key in names]
    if owners:
        return f"; did you mean {' or '.join(owners)}?"
    own = _close(key, keys.get(section, ()))
    if own:
        return own
    near = get_close_matches(key, [k for names in keys.values() for k in names], n=1)
    return _hint(section, near[0]) if near else ""


def _close(word: str, words: Collection[str]) -> str:
    close = get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _refused(entry: _Entry) -> str | None:
    """Why this value is not taken, whatever its type."""
    problem = _secret_problem(entry.value)
    if problem is None and entry.origin and entry.path.startswith(f"{_FILE_ONLY}."):
        return f"expected in the file only, found {found(entry.value)}"
    if problem is None and entry.path == PRESET and isinstance(entry.value, str):
        return presets.unknown(entry.value)
    return problem


def _secret_problem(value: object) -> str | None:
    if isinstance(value, str) and looks_secret(value):
        return f"found a value that looks like a secret (not shown); {_FROM_ENVIRONMENT}"
    if isinstance(value, list):
        return next((p for item in value if (p := _secret_problem(item))), None)
    return None


def _idle_entries(below: Sequence[_Entry]) -> Iterator[_Problem]:
    """What a preset gives for nothing."""
    order = {entry.path: index for index, entry in enumerate(below)}
    for path, text in presets.audit(order, _overlay(below, [])):
        yield _Problem(order[path], path, text + below[order[path]].origin)


def _broken_rules(
    settings: Settings, entries: Sequence[_Entry], bad: set[str]
) -> Iterator[_Problem]:
    last = {entry.path: index for index, entry in enumerate(entries)}
    for rule in RULES:
        given = [key for key in rule.keys if key in last]
        if not given or bad.intersection(rule.keys):
            continue  # defaults hold together; of a bad value nothing follows
        text = rule.broken(settings)
        if text is not None:
            at = rule.keys[0] if rule.keys[0] in last else given[0]
            yield _Problem(last[at], at, text + entries[last[at]].origin)


def _lines(problems: Sequence[_Problem]) -> list[str]:
    ordered = sorted(problems, key=lambda p: p.index)
    paths = ["(not shown)" if looks_secret(p.path) else p.path for p in ordered]
    width = max(map(len, paths))
    return [f"{path:<{width}}   {p.text}" for path, p in zip(paths, ordered, strict=True)]
