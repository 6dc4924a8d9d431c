"""Every key as it is declared, and how values read: in the file, in errors, in the chat.

It exists so that the loader, the presets and whoever explains a key use the same words. It must
never judge a value.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, get_args, get_origin

import msgspec
from msgspec import structs

from engine.core.sections import Section, describe
from engine.core.settings import Settings
from engine.environment import quoted

SECTIONS: Mapping[str, type[Section]] = {f.name: f.type for f in structs.fields(Settings)}
INT_SHOWN_MAX = 10**18  # Python refuses to print integers without end

_WITH_UNIT = re.compile(r"(\d[\d_]*\.?\d*)\s*([a-zA-Z%])")
_FACTORS: Mapping[str, Mapping[str, float]] = {
    "s": {"s": 1, "m": 60, "h": 3600, "d": 86_400},
    "frac": {"%": 0.01},
    "pct": {"%": 1},
}
_SHORT = {"k": 1e3, "K": 1e3, "M": 1e6}  # people write 5M


class Declared(msgspec.Struct, frozen=True):
    """One key as it is declared; `expected` names type and range, `default` is TOML."""

    path: str
    default: str
    expected: str
    unit: str
    meaning: str


def declared() -> Iterator[Declared]:
    """Every key of every section, in order of declaration."""
    return (declaration(f"{name}.{key}") for name, keys in key_names().items() for key in keys)


def declaration(path: str) -> Declared:
    """What a key is: `declaration("risk.max_open_positions")`; raises KeyError for no such key."""
    name, _, key = path.partition(".")
    section = SECTIONS[name]
    if key not in section.__struct_fields__:
        raise KeyError(path)
    meta = describe(section, key)
    return Declared(
        path=path,
        default=toml(getattr(section(), key)),
        expected=expected(section, key),
        unit=(meta.extra or {}).get("unit", ""),
        meaning=meta.description or "",
    )


def choices(path: str) -> tuple[str, ...]:
    """The values of a key that has few of them, as TOML; none for numbers, texts and lists."""
    name, _, key = path.partition(".")
    base = get_args(SECTIONS[name].__annotations__[key])[0]
    if base is bool:
        return ("true", "false")
    return tuple(map(toml, get_args(base))) if get_origin(base) is Literal else ()


def key_names() -> dict[str, tuple[str, ...]]:
    """The keys of each section."""
    return {name: section.__struct_fields__ for name, section in SECTIONS.items()}


def expected(section: type[Section], key: str) -> str:
    """What a key takes: type and range."""
    base, meta = get_args(section.__annotations__[key])[0], describe(section, key)
    if base in (int, float):
        whole = "whole " if base is int else ""
        return f"a {whole}number {_bound(meta.ge)}..{_bound(meta.le)}"
    if base is bool:
        return "true or false"
    if get_origin(base) is Literal:
        choices = _choices(base)
        return choices if len(get_args(base)) == 1 else f"one of {choices}"
    if base is str:
        return f"text matching {meta.pattern}" if meta.pattern else "text"
    return f"a list of {_items(get_args(base)[0])}"


def _items(kind: object) -> str:
    if get_origin(kind) is Literal:
        return _choices(kind)
    return {str: "texts", int: "whole numbers"}.get(kind, "number pairs")  # type: ignore[call-overload,no-any-return]  # any type may be asked for


def _choices(kind: object) -> str:
    return ", ".join(map(toml, get_args(kind)))


def _bound(bound: float | None) -> str:
    assert bound is not None, "every number is declared with both bounds"
    return f"{int(bound):_}" if bound == int(bound) else str(bound)


def found(value: object) -> str:
    """A value somebody gave, as an error may show it."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(found, value))}]"
    if isinstance(value, int) and abs(value) > INT_SHOWN_MAX:
        return "a number beyond all ranges"
    return toml(value)


def unit_hint(section: type[Section], key: str, value: object) -> str:
    """How a number in the wrong unit is written here: "5M", "4h", 60 percent for a share."""
    unit = (describe(section, key).extra or {}).get("unit")
    if unit is None:
        return ""
    if isinstance(value, str):
        match = _WITH_UNIT.fullmatch(value.strip())
        factor = _FACTORS.get(unit, _SHORT).get(match[2]) if match else None
        if match is None or factor is None:
            return ""
        return f"; write {float(match[1].replace('_', '')) * factor:.10g}"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and unit == "frac" and 1 < value <= 100:  # type: ignore[operator]  # noqa: PLR2004 -- percent
        return f"; a share of 1, not a percentage: write {value / 100:.10g}"  # type: ignore[operator]  # a number, see above
    return ""


def toml(value: object) -> str:
    """The value as TOML; 3.0 and 3 are one value of a number key."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, (str, bool)):
        return msgspec.json.encode(value).decode()
    return str(value).removesuffix(".0")
