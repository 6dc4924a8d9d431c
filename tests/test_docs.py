"""README, config.toml, CHANGELOG, Makefile and image tell the truth about what is there."""

import re
import tomllib
from pathlib import Path

import diagrams
import pytest

from bot.commands import TABLE
from bot.views import words
from engine import __version__, catalog, config, environment, preset
from engine.core.settings import Settings
from engine.core.values import GateName
from engine.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIG = (ROOT / "config.toml").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

EXIT_RULES = (
    "failed_breakout",
    "activity_drop",
    "weak_impulse",
    "no_progress",
    "time_stop",
    "max_hold",
)
STALE = (
    "backtest --",
    "ws_private",
)


def config_rows() -> dict[str, tuple[str, str]]:
    """What config.toml shows for each key, active or not: (value, comment above it)."""
    rows: dict[str, tuple[str, str]] = {}
    section, comment = "", ""
    for line in CONFIG.splitlines():
        key = re.fullmatch(r"(?:# )?([a-z0-9_]+) = (.+)", line)
        if header := re.match(r"\[(\w+)\]", line):
            section = header[1]
        elif key:
            rows[f"{section}.{key[1]}"] = (key[2], comment)
        comment = line.removeprefix("# ")
    return rows


def test_config_file_changes_nothing() -> None:
    assert config.load(ROOT / "config.toml", [], {}) == Settings()


def test_config_file_shows_every_key_as_it_is_declared() -> None:
    expected = {}
    for key in catalog.declared():
        bounds = "; ".join(part for part in (key.unit, key.expected) if part)
        expected[key.path] = (key.default, f"{key.meaning} ({bounds})")
    assert config_rows() == expected


def test_config_file_leaves_strategy_keys_to_their_defaults() -> None:
    active = {name: set(table) for name, table in tomllib.loads(CONFIG).items() if table}
    assert set(active) == {"bot", "exchange", "schedule", "store", "log", "caps"}


def test_uncommented_keys_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"^# (\w+ = )", r"\1", CONFIG, flags=re.MULTILINE), encoding="utf-8")

    assert config.load(path, [], {}) == Settings()


@pytest.mark.parametrize("section", catalog.SECTIONS)
def test_readme_lists_the_keys_of_each_section(section: str) -> None:
    (row,) = re.findall(rf"^\| `\[{section}\]` \| .+ \| (.+) \|$", README, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == list(catalog.SECTIONS[section].__struct_fields__)


def test_readme_tells_every_preset_as_its_file_does() -> None:
    text = README.partition("### Presets")[2].partition("###")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)) == {
        name: preset.character(name) for name in preset.names()
    }


def test_readme_lists_the_commands() -> None:
    listed = re.findall(r"^\| `/(\w+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(verb.name for verb in TABLE)


def test_changelog_names_the_commands_and_the_program_its_version() -> None:
    assert [v.name for v in TABLE if f"`/{v.name}`" not in CHANGELOG] == []
    assert __version__ == VERSION


def test_readme_lists_the_environment() -> None:
    source = Path(environment.__file__).read_text(encoding="utf-8")
    variables = set(re.findall(r'"((?:TELEGRAM|BREAKOUT|EXCHANGE|ALLOW)_\w+)"', source))
    rows = re.findall(r"^\| ((?:`[A-Z_]+` ?)+) \|", README, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"[A-Z_]+", row)} == variables
    for name in re.findall(
        r"(?:TELEGRAM|BREAKOUT|EXCHANGE|ALLOW)_\w+(?=[:=])", COMPOSE + DOCKERFILE
    ):
        assert name.removesuffix("_FILE") in variables


def test_readme_shows_errors_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[risk]\nmax_open_positions = "three"\nmax_postions = 3', encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        config.load(path, [], {})

    assert str(caught.value).replace(str(path), "config.toml") in README


@pytest.mark.parametrize(
    "target", ["run", "test", "check", "sim", "bench", "docs", "lock", "clean"]
)
def test_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    assert re.search(rf"^#   make {target} ", MAKEFILE, re.MULTILINE)


def test_readme_names_no_target_that_is_not_there() -> None:
    named = set(re.findall(r"make (\w+)(?: [A-Z]+=|`|\n)", README))
    assert {"run", "test", "bench", "sim"} <= named
    assert [name for name in named if not re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)] == []


def test_diagrams_are_those_of_the_tables() -> None:
    assert diagrams.drawn(README) == README, "run make docs"
    with pytest.raises(ValueError, match="expected the lines"):
        diagrams.drawn("# Breakout")


def test_readme_names_every_gate() -> None:
    rows = re.findall(r"^\| ((?:`\w+` ?)+) \| [a-z`/]", README, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {gate.value for gate in GateName} <= named
    assert set(words.GATES) == set(GateName)


@pytest.mark.parametrize("rule", EXIT_RULES)
def test_readme_tells_every_exit_rule_as_the_chat_does(rule: str) -> None:
    assert re.search(rf"^\| {words.end(rule)} \|", README, re.MULTILINE)


def test_settings_named_in_the_text_exist() -> None:
    paths = {key.path for key in catalog.declared()}
    shown = re.findall(r"`([a-z]+\.[a-z_0-9]+)`", README)
    named = {name for name in shown if name.split(".")[0] in catalog.SECTIONS}
    assert named
    assert named - paths == set()


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"
    assert "`make test`" in README


def test_nothing_stale_is_mentioned() -> None:
    text = README + CONFIG + CHANGELOG + COMPOSE + DOCKERFILE
    assert [word for word in STALE if word in text] == []


def test_changelog_has_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)
    assert headings[:2] == ["Unreleased", VERSION]
    assert f"image: breakout:{VERSION}" in COMPOSE


def test_links_of_the_readme_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert targets
    assert [t for t in targets if not (ROOT / t).exists()] == []


def test_image_is_harmless() -> None:
    assert "USER breakout" in DOCKERFILE
    assert 'ENTRYPOINT ["python", "-m", "bot"]' in DOCKERFILE
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    assert 'CMD ["python", "-m", "bot", "health"]' in DOCKERFILE
    for line in ("read_only: true", "- ALL", "- no-new-privileges:true", "stop_grace_period: 30s"):
        assert line in COMPOSE


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locks_are_hashed_and_carry_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.split(r"\n(?=[a-z])", text)
    assert [pin.split()[0] for pin in pins if "==" in pin and "--hash=sha256:" not in pin] == []
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)
