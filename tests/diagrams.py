"""The diagrams of README, drawn from the tables that decide: Mermaid text between two markers.

They exist so that what a reader sees is what runs. `make docs` writes them; a test refuses a README
that says anything else. Nothing here may know a state or an input by name.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from engine.core import orders, positions

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- drawn by make docs: -->", "<!-- end of what make docs draws -->"

S = TypeVar("S", bound=StrEnum)
I = TypeVar("I", bound=StrEnum)  # noqa: E741 -- state and input: the letters of the tables


def section() -> str:
    """Both machines, with what they ignore."""
    return "\n\n".join(
        (
            "An order:",
            diagram(orders.TABLE),
            ignored(orders.IGNORED),
            "A position:",
            diagram(positions.TABLE),
            ignored(positions.IGNORED),
        )
    )


def diagram(table: Mapping[tuple[S, I], S]) -> str:
    """A state diagram: one arrow from state to state, with everything that leads along it."""
    arrows: dict[tuple[S, S], list[str]] = {}
    for (state, given), after in table.items():
        arrows.setdefault((state, after), []).append(_words(given))
    first, _ = next(iter(arrows))
    begun = {state for state, _ in arrows}
    ends = dict.fromkeys(after for _, after in arrows if after not in begun)
    lines = [f"[*] --> {first}"]
    lines += [f"{state} --> {after}: {', '.join(how)}" for (state, after), how in arrows.items()]
    lines += [f"{state} --> [*]" for state in ends]
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in lines), "```"])


def ignored(table: Mapping[tuple[S, I], str]) -> str:
    """What changes nothing, and why: one row for a reason, folded away."""
    reasons: dict[str, dict[S, list[str]]] = {}
    for (state, given), why in sorted(table.items(), key=lambda row: [_rank(x) for x in row[0]]):
        reasons.setdefault(why, {}).setdefault(state, []).append(_words(given))
    rows = [f"| {_where(states)} | {why} |" for why, states in reasons.items()]
    head = "<details><summary>What changes nothing, and why</summary>"
    return "\n".join([head, "", "| in: input | why |", "|---|---|", *rows, "", "</details>"])


def _where(states: Mapping[S, list[str]]) -> str:
    """States that ignore the same inputs share a line."""
    alike: dict[str, list[str]] = {}
    for state, inputs in states.items():
        alike.setdefault(", ".join(inputs), []).append(str(state))
    return "; ".join(f"{' '.join(names)}: {inputs}" for inputs, names in alike.items())


def _rank(name: StrEnum) -> int:
    """Its place in the declaration: a table built from a set has no order of its own."""
    return list(type(name)).index(name)


def _words(given: StrEnum) -> str:
    return given.value.lower().replace("_", " ")


def drawn(text: str) -> str:
    """The document with its diagrams drawn anew; raises ValueError without its two markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN!r} and {END!r}, found one of them at most")
    return f"{before}{BEGIN}\n\n{section()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(drawn(README.read_text(encoding="utf-8")), encoding="utf-8")
