"""Settings from defaults, config.toml and `--set`, in that precedence, all problems at once.

It exists because the typed decoder stops at the first error: keys are converted one by one, in file
order, and what does not fit is collected. It must never guess, never use a value it complained
about, and never echo what looks like a secret.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import structs

from engine.consistency import RULES
from engine.core.sections import Section, describe
from engine.core.settings import Settings
from engine.environment import CONFIG_PATH, looks_secret, quoted
from engine.errors import ConfigError

SECTIONS: Mapping[str, type[Section]] = {f.name: f.type for f in structs.fields(Settings)}

_SECRET_NAMES = ("token", "secret", "password", "api_key", "apikey")
_FILE_ONLY = "caps"  # what nothing exceeds: a command line is no place to raise it
_INT_SHOWN_MAX = 10**18  # Python refuses to print integers without end
_FROM_ENVIRONMENT = (
    "secrets come from the environment (TELEGRAM_TOKEN or TELEGRAM_TOKEN_FILE), never from here"
)


class Declared(msgspec.Struct, frozen=True):
    """One key as it is declared; `expected` names type and range, `default` is TOML."""

    path: str
    default: str
    expected: str
    unit: str
    meaning: str


class _Entry(msgspec.Struct, frozen=True):
    """One value somebody gave, in the order given."""

    path: str
    value: Any
    origin: str  # shown behind its problems: empty for the file


class _Problem(msgspec.Struct, frozen=True):
    """What is wrong, and where in the order of what was given."""

    index: int
    path: str
    text: str


def load(path: Path | None, sets: Sequence[str], env: Mapping[str, str]) -> Settings:
    """The settings; raises `ConfigError` with every problem of the file and the `--set` options."""
    source = locate(path, env)
    name = "settings" if source is None else str(source)
    problems: list[_Problem] = []
    entries = [] if source is None else list(_file_entries(source))
    for text in sets:
        entry = _set_entry(text)
        if isinstance(entry, _Entry):
            entries.append(entry)
        else:
            problems.append(_Problem(len(entries), "--set", entry))
    settings = _overlay(entries, problems)
    problems += _broken_rules(settings, entries, {p.path for p in problems})
    if problems:
        raise ConfigError(name, _lines(problems))
    return settings


def locate(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """The file that is read: as given, or `BREAKOUT_CONFIG`, or `config.toml` where it exists."""
    if path is not None:
        return path
    named = env.get("BREAKOUT_CONFIG", "").strip()
    if named:
        return Path(named)
    return CONFIG_PATH if CONFIG_PATH.exists() else None


def effective(settings: Settings) -> list[str]:
    """Every key as one TOML line; what differs from the default says so."""
    return [_effective(settings, d) for d in declared()]


def declared() -> Iterator[Declared]:
    """Every key of every section, in order of declaration."""
    return (declaration(f"{name}.{key}") for name, keys in _keys().items() for key in keys)


def declaration(path: str) -> Declared:
    """What a key is: `declaration("risk.max_open_positions")`; raises KeyError for no such key."""
    name, _, key = path.partition(".")
    section = SECTIONS[name]
    if key not in section.__struct_fields__:
        raise KeyError(path)
    meta = describe(section, key)
    return Declared(
        path=path,
        default=_toml(getattr(section(), key)),
        expected=_expected(section, key),
        unit=(meta.extra or {}).get("unit", ""),
        meaning=meta.description or "",
    )


def _keys() -> dict[str, tuple[str, ...]]:
    return {name: section.__struct_fields__ for name, section in SECTIONS.items()}


def _effective(settings: Settings, key: Declared) -> str:
    value = _toml(attrgetter(key.path)(settings))
    line = f"{key.path} = {value}"
    is_default = attrgetter(key.path)(settings) == attrgetter(key.path)(Settings())
    return line if is_default else f"{line}  # default {key.default}"


# What was given


def _file_entries(path: Path) -> Iterator[_Entry]:
    for name, table in _parse(path).items():
        if name in SECTIONS and isinstance(table, dict):
            yield from (_Entry(f"{name}.{key}", value, "") for key, value in table.items())
        else:
            yield _Entry(name, table, "")


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = f"expected a readable file, found: {error.strerror}"
    except UnicodeDecodeError:
        reason = "expected UTF-8 text, found other bytes"
    except ValueError as error:  # no TOML, or a number too long to be one
        reason = f"expected TOML, found: {error}"
    raise ConfigError(str(path), [reason])


def _set_entry(text: str) -> _Entry | str:
    path, equals, value = text.partition("=")
    section, _, key = path.strip().partition(".")
    if not (equals and section and key):
        return f"expected KEY=VALUE with a key like risk.max_open_positions, found {quoted(text)}"
    return _Entry(f"{section}.{key}", _set_value(value.strip()), " (--set)")


def _set_value(text: str) -> Any:  # noqa: ANN401 -- whatever TOML holds
    try:
        parsed = tomllib.loads(f"value = {text}")
    except ValueError:
        return text  # a bare word is a string
    return parsed["value"] if len(parsed) == 1 else text


# What fits


def _overlay(entries: Sequence[_Entry], problems: list[_Problem]) -> Settings:
    good: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for index, entry in enumerate(entries):
        name, _, key = entry.path.partition(".")
        text = _misplaced(name, key, entry.value) or _refused(entry)
        if text is None:
            try:
                good[name][key] = _converted(entry.value, SECTIONS[name].__annotations__[key])
            except msgspec.ValidationError:
                text = f"expected {_expected(SECTIONS[name], key)}, found {_found(entry.value)}"
        if text is not None:
            problems.append(_Problem(index, entry.path, text + entry.origin))
    sections: dict[str, Any] = {name: cls(**good[name]) for name, cls in SECTIONS.items()}
    return Settings(**sections)


def _converted(value: object, kind: object) -> object:
    found = msgspec.convert(value, kind)
    # The range of a key refuses these by itself; inside a list nothing else would.
    if not all(abs(number) <= _INT_SHOWN_MAX for number in _numbers(found)):
        raise msgspec.ValidationError
    return found


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
            return f"expected a table [{name}], found {_found(value)}"
    names = " ".join([name, key, *(value if isinstance(value, dict) else ())]).lower()
    if any(word in names for word in _SECRET_NAMES):
        return _FROM_ENVIRONMENT
    if not key and not isinstance(value, dict):
        return f"unknown key outside a section{_hint(name, name)}"
    if name not in SECTIONS:
        return f"unknown section{_close(name, SECTIONS)}"
    return f"unknown key{_hint(name, key)}"


def _hint(section: str, key: str) -> str:
    keys = _keys()
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
        return f"expected in the file only, found {_found(entry.value)}"
    return problem


def _secret_problem(value: object) -> str | None:
    if isinstance(value, str) and looks_secret(value):
        return f"found a value that looks like a secret (not shown); {_FROM_ENVIRONMENT}"
    if isinstance(value, list):
        return next((p for item in value if (p := _secret_problem(item))), None)
    return None


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


# How it reads


def _expected(section: type[Section], key: str) -> str:
    base, meta = get_args(section.__annotations__[key])[0], describe(section, key)
    if base in (int, float):
        whole = "whole " if base is int else ""
        return f"a {whole}number {_number(meta.ge)}..{_number(meta.le)}"
    if base is bool:
        return "true or false"
    if get_origin(base) is Literal:
        choices = [_toml(choice) for choice in get_args(base)]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if base is str:
        return f"text matching {meta.pattern}" if meta.pattern else "text"
    words = {str: "texts", int: "whole numbers"}
    return f"a list of {words.get(get_args(base)[0], 'number pairs')}"


def _number(bound: float | None) -> str:
    assert bound is not None, "every number is declared with both bounds"
    return f"{int(bound):_}" if bound == int(bound) else str(bound)


def _found(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_found, value))}]"
    if isinstance(value, int) and abs(value) > _INT_SHOWN_MAX:
        return "a number beyond all ranges"
    return _toml(value)


def _toml(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, (str, bool)):
        return msgspec.json.encode(value).decode()
    return str(value).removesuffix(".0")  # 3.0 and 3 are one value of a number key
