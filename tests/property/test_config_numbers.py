"""No number, however strange and wherever it is written, gets past its range or past a cap.

FT82: nan, infinities, booleans, negative and huge values in every numeric key, from the file and
from `--set`; the environment sets no key at all (`tests/unit/test_config_faults.py`).
"""

from math import inf, isfinite, nan
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from engine import catalog, config
from engine.core.sections import describe
from engine.core.settings import Settings
from engine.errors import ConfigError

NUMBERS = [
    d.path for d in catalog.declared() if "number " in d.expected and "list" not in d.expected
]
LISTS = ("exits.targets", "levels.donchian_bars")
CAPPED = {
    "risk.risk_per_trade_pct": "caps.risk_per_trade_pct",
    "risk.leverage_max": "caps.leverage",
    "risk.daily_loss_limit_pct": "caps.daily_loss_pct",
}
HUGE = 10**400
STRANGE = [nan, -nan, inf, -inf, True, False, -1, -0.0, 1e308, HUGE, -HUGE, 5e-324, "3", [3]]
values = st.one_of(
    st.sampled_from(STRANGE),
    st.floats(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.booleans(),
    st.text(alphabet="0123456789.,e+-_", max_size=5),
)


def toml(value: object) -> str:
    """The value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, (str, bool)):
        return msgspec.json.encode(value).decode()
    return str(value)


def read(given_: dict[str, object], *, by_file: bool) -> Settings | list[str]:
    """What the configuration makes of these keys: settings, or the problems it names."""
    lines = [f"{path} = {toml(value)}" for path, value in given_.items()]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text("\n".join(lines if by_file else []), encoding="utf-8")
        try:
            return config.load(path, [] if by_file else lines, {})
        except ConfigError as refused:
            return refused.problems


def value_of(found: Settings, path: str) -> object:
    section, key = path.split(".")
    return structs.asdict(getattr(found, section))[key]


def assert_in_range(found: Settings, path: str) -> None:
    section, key = path.split(".")
    value, meta = value_of(found, path), describe(catalog.SECTIONS[section], key)
    assert isinstance(value, (int, float))
    assert not isinstance(value, bool)
    assert meta.ge is not None
    assert meta.le is not None
    assert isfinite(value)
    assert meta.ge <= value <= meta.le


def assert_capped(found: Settings) -> None:
    for path, cap in CAPPED.items():
        value, most = value_of(found, path), value_of(found, cap)
        assert isinstance(value, (int, float))
        assert isinstance(most, (int, float))
        assert 0 < value <= most


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize("by_file", [True, False])
def test_no_key_takes_what_is_not_a_number_of_its_range(path: str, *, by_file: bool) -> None:
    for value in (nan, -nan, inf, -inf, True, HUGE, -HUGE, "3", [3]):
        found = read({path: value}, by_file=by_file)
        assert isinstance(found, list), value
        (problem,) = found
        assert problem.startswith(f"{path}   expected "), problem
        assert len(problem) < 200


@settings(max_examples=50)
@given(path=st.sampled_from(NUMBERS), value=values, by_file=st.booleans())
def test_a_value_is_in_its_range_or_named_once(path: str, value: object, *, by_file: bool) -> None:
    found = read({path: value}, by_file=by_file)
    if isinstance(found, Settings):
        assert value_of(found, path) == value
        assert_in_range(found, path)
        assert_capped(found)
    else:
        (problem,) = found
        assert path in problem


money = st.one_of(values, st.floats(0, 60), st.floats(0, 3))


@settings(max_examples=40)
@given(given_=st.dictionaries(st.sampled_from([*CAPPED, *CAPPED.values()]), money, min_size=1))
def test_no_mixture_of_values_gets_past_a_cap(given_: dict[str, object]) -> None:
    found = read(given_, by_file=True)
    if isinstance(found, Settings):
        assert_capped(found)
        for path in given_:
            assert_in_range(found, path)
    else:
        assert found


@given(
    path=st.sampled_from(LISTS), bad=st.sampled_from([nan, -nan, inf, -inf, True, HUGE, -1, "1"])
)
def test_a_list_takes_no_strange_number_either(path: str, bad: object) -> None:
    value = [[1.5, 0.4], [bad, 0.3]] if path == "exits.targets" else [20, bad]
    shares = [[1.5, 0.4], [2.0, bad]] if path == "exits.targets" else [bad]
    for strange in (value, shares):
        found = read({path: strange}, by_file=True)
        assert isinstance(found, list)
        (problem,) = found
        assert path in problem
        assert " expected " in problem
