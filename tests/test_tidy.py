"""The house rules that no linter knows: who imports whom, what is banned, how large things are."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.catalog import declared
from engine.consistency import RULES

ROOT = Path(__file__).resolve().parents[1]

# Who may import what of ours; the first row that fits counts, and what is not listed is refused.
ARROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("engine.core", ("engine.core",)),
    ("engine.errors", ("engine.core",)),
    ("engine.ports", ("engine.core", "engine.errors")),
    ("engine.log", ("engine.core", "engine.errors")),
    ("engine.environment", ("engine.errors",)),
    ("engine.consistency", ("engine.core", "engine.environment")),
    ("engine.catalog", ("engine.core", "engine.environment")),
    ("engine.preset", ("engine.core", "engine.environment", "engine.catalog")),
    (
        "engine.config",
        (
            "engine.core",
            "engine.errors",
            "engine.environment",
            "engine.consistency",
            "engine.catalog",
            "engine.preset",
        ),
    ),
    ("engine.__main__", ("engine",)),
    ("engine.arguments", ()),
    ("engine.chart", ("engine.core", "engine.chart")),
    ("engine.candles", ("engine.core", "engine.errors", "engine.sim.feed", "engine.sim.recorded")),
    ("engine.setups", ("engine.core", "engine.candles")),
    ("engine.scanning", ("engine.core", "engine.candles", "engine.setups")),
    (
        "engine.scan_report",
        ("engine.core", "engine.candles", "engine.scanning", "engine.config", "engine.preset"),
    ),
    ("engine.sim", ("engine.core", "engine.sim", "engine.errors", "engine.ports")),
    (
        "engine.live",
        (
            "engine.core",
            "engine.live",
            "engine.sim.matching",
            "engine.ports",
            "engine.config",
            "engine.errors",
            "engine.log",
        ),
    ),
    ("bot.__main__", ("engine", "bot")),
    ("bot.app", ("engine", "bot")),
    ("bot.floor", ("engine", "bot")),
    ("bot.memory", ("engine", "bot")),
    ("bot.modes", ("engine", "bot")),
    ("bot.worlds", ("engine", "bot")),
    ("bot.sandbox", ("engine.core", "engine.errors", "engine.log", "engine.sim", "bot.sandbox")),
    (
        "bot",
        (
            "engine.core",
            "engine.chart",
            "engine.errors",
            "engine.log",
            "engine.catalog",
            "engine.config",
            "engine.consistency",
            "engine.preset",
            "bot",
        ),
    ),
)
COMPOSED = (  # imported by each other only
    "bot.app",
    "bot.floor",
    "bot.memory",
    "bot.modes",
    "bot.worlds",
    "bot.__main__",
    "bot.sandbox",
)
VENDORS = ("ccxt", "websockets", "tinydb", "apscheduler", "matplotlib")
PURE = {
    "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal",
    "enum", "functools", "hashlib", "heapq", "itertools", "math", "msgspec", "numpy", "operator",
    "re", "statistics", "string", "types", "typing", "zlib", "zoneinfo",
}  # fmt: skip
UNNAMES = ("utils", "util", "helpers", "helper", "manager", "base", "common", "misc")
LINES_MAX, FUNCTION_MAX, PARAMETERS_MAX, METHODS_MAX, NESTING_MAX = 400, 50, 5, 15, 3


class Module(msgspec.Struct, frozen=True):
    """A parsed file."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    def imports(self) -> Iterator[str]:
        """Dotted names this module imports, also inside functions and for types only."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with the dotted name it is made by, as far as it has one."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


def read(folder: str) -> list[Module]:
    """All modules below a folder of the project."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(name, path, text, ast.parse(text)))
    return found


OURS = [*read("engine"), *read("bot")]
TESTS = read("tests")
NAMES = {module.name for module in OURS}


def below(name: str, *roots: str) -> bool:
    """Whether a dotted name is one of the roots or lies below it."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def target(name: str) -> str | None:
    """The module of ours that an imported name belongs to."""
    while name not in NAMES:
        name, _, last = name.rpartition(".")
        if not last:
            return None
    return name


def edges() -> Iterator[tuple[str, str]]:
    """Every (importer, imported) pair of our modules."""
    for module in OURS:
        for name in module.imports():
            found = target(name)
            if found and found != module.name:
                yield module.name, found


def test_arrows() -> None:
    wrong = []
    for importer, imported in edges():
        allowed = next((to for row, to in ARROWS if below(importer, row)), ())
        if not below(imported, *allowed):
            wrong.append(f"{importer} must not import {imported}")
        if below(imported, *COMPOSED) and not below(importer, *COMPOSED):
            wrong.append(f"only bot.app may import {imported}, {importer} does")
    assert wrong == []


def test_every_module_has_an_arrow() -> None:
    packages = {"engine", "bot"}
    rows = [row for row, _ in ARROWS]
    assert [n for n in NAMES - packages if not below(n, *rows)] == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_importer_for_each_vendor(vendor: str) -> None:
    importers = [m.name for m in OURS if any(below(name, vendor) for name in m.imports())]
    assert len(importers) == 1, f"{vendor} is imported by {importers}"


def test_telegram_stays_in_the_bot() -> None:
    importers = {m.name for m in OURS if any(below(n, "telegram") for n in m.imports())}
    assert [name for name in importers if not below(name, "bot")] == []


def test_the_core_is_pure() -> None:
    core = [m for m in OURS if below(m.name, "engine.core")]
    impure = [
        f"{module.name} imports {name}"
        for module in core
        for name in module.imports()
        if not below(name, "engine") and name.split(".")[0] not in PURE
    ]
    banned = ("now", "utcnow", "today", "uuid4", "open", "input", "getenv")
    impure += [
        f"{module.name} line {node.lineno} calls {name}"
        for module in core
        for name, node in module.calls()
        if name.rsplit(".", maxsplit=1)[-1] in banned
    ]
    assert impure == []


def test_banned_calls() -> None:
    wrong = [
        f"{module.name} line {node.lineno} calls {name}"
        for module in OURS
        for name, node in module.calls()
        if (name == "print" and not module.name.endswith("__main__"))
        or name in ("time.sleep", "breakpoint", "eval", "exec", "os._exit")
    ]
    assert wrong == []


def test_tests_neither_sleep_nor_mock() -> None:
    wrong = [
        f"{module.name} line {node.lineno} calls {name}"
        for module in TESTS
        for name, node in module.calls()
        if name in ("time.sleep", "asyncio.sleep") and ast.unparse(node).find("(0)") < 0
    ]
    wrong += [
        f"{module.name} imports {name}"
        for module in TESTS
        for name in module.imports()
        if below(name, "unittest", "mock")
    ]
    assert wrong == []


def test_no_unfinished_places_and_no_paths_of_a_machine() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "/ho" + "me/", "/wo" + "rk/", "/ro" + "ot/")
    roots = ["*.toml", "*.md", "*.yaml", "Makefile", "Dockerfile", ".ci/*"]
    files = [m.path for m in (*OURS, *TESTS)] + [p for r in roots for p in ROOT.glob(r)]
    found = [
        f"{path.relative_to(ROOT)} line {number}: {word}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for word in words
        if word in line
    ]
    assert found == []


def test_names_say_something() -> None:
    assert [m.name for m in (*OURS, *TESTS) if m.path.stem in UNNAMES] == []


def test_every_module_says_what_it_is() -> None:
    assert [m.name for m in OURS if not ast.get_docstring(m.tree)] == []


def test_files_are_short() -> None:
    lines = {m.name: len(m.text.splitlines()) for m in (*OURS, *TESTS)}
    assert {name: count for name, count in lines.items() if count > LINES_MAX} == {}


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_functions_are_short() -> None:
    long = {
        f"{module.name}.{node.name}": lines
        for module in (*OURS, *TESTS)
        for node in functions(module)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_MAX
    }
    assert long == {}


def test_functions_take_few_parameters() -> None:
    many = {}
    for module in OURS:
        for node in functions(module):
            names = [
                a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            ]
            own = [name for name in names if name not in ("self", "cls")]
            if len(own) > PARAMETERS_MAX:
                many[f"{module.name}.{node.name}"] = own
    assert many == {}


def test_classes_are_small() -> None:
    large = {}
    for module in OURS:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                defs = (ast.FunctionDef, ast.AsyncFunctionDef)
                public = [n.name for n in node.body if isinstance(n, defs) and n.name[0] != "_"]
                if len(public) > METHODS_MAX:
                    large[f"{module.name}.{node.name}"] = len(public)
    assert large == {}


def depth(node: ast.AST) -> int:
    """How many blocks stand inside each other; `elif` is no deeper than `if`."""
    blocks = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
    deepest = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        own = isinstance(child, blocks) and not is_elif
        deepest = max(deepest, own + depth(child))
    return deepest


def test_nesting_is_shallow() -> None:
    deep = {
        f"{module.name}.{node.name}": levels
        for module in OURS
        for node in functions(module)
        if (levels := depth(node)) > NESTING_MAX
    }
    assert deep == {}


def test_no_module_is_dead() -> None:
    alive = {imported for _, imported in edges()}
    packages = {m.name for m in OURS if m.path.name == "__init__.py"}
    dead = NAMES - alive - packages - {n for n in NAMES if n.endswith("__main__")}
    assert sorted(dead) == []


DECLARERS = (  # these name keys without doing anything by them
    "engine.core.settings",
    "engine.core.terms",
    "engine.catalog",
    "engine.config",
    "engine.consistency",
    "engine.preset",
)


def named_keys(module: Module) -> Iterator[str]:
    """Attributes a module reads, also by a name in a text where it reads by such."""
    nodes = list(ast.walk(module.tree))
    by_name = any(isinstance(node, ast.Name) and node.id == "getattr" for node in nodes)
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif by_name and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_setting_is_read_somewhere() -> None:
    readers = [module for module in OURS if not below(module.name, *DECLARERS)]
    read_keys = {name for module in readers for name in named_keys(module)}
    # A cap is held when settings are made: nothing later needs to read it.
    held = {key for rule in RULES for key in rule.keys if below(key, "caps")}
    paths = [key.path for key in declared()]
    unread = [p for p in paths if p.split(".")[1] not in read_keys and p not in held]
    assert unread == []
