"""Each grave fault has its proofs, and each proof is there and is run by the suite."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from e2e import chat_faults
from e2e.fault_table import GROUPS
from promises import PROOFS
from simulation.mutants import MUTANTS

from engine.sim.invariants import INVARIANTS

TESTS = Path(__file__).resolve().parent
SPEC = TESTS.parents[1] / "shared" / "spec" / "reliability.md"
ROWS = {row.name: row.is_quick for rows in GROUPS.values() for row in rows}
ROWS |= {row.name: True for row in chat_faults.ROWS}
PLANTED = {planted.name.replace(" ", "_") for planted in MUTANTS}
GUARDED = {name for planted in MUTANTS for name in planted.expected}


@cache
def functions(path: Path) -> frozenset[str]:
    """Names of all functions of a file, also of its classes."""
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def is_run(proof: str) -> bool:
    """Whether the suite lives through it; asserts that it is there."""
    place, _, name = proof.partition("::")
    if not name:
        assert proof in INVARIANTS.keys() & GUARDED, f"no fault is planted for {proof}"
        return True
    if name[:2] == "FT":
        assert name in ROWS, f"no row is called {name!r}"
        assert f'"{name}"' in (TESTS / place).read_text(encoding="utf-8")
        return ROWS[name]
    assert name in functions(TESTS / place), f"{place} has no {name}"
    if place.startswith("simulation/"):
        assert name in PLANTED
    else:
        assert name.startswith("test_"), f"{name} is no test"
    return True


@pytest.mark.parametrize("fault", PROOFS)
def test_a_grave_fault_has_proofs_that_are_run(fault: str) -> None:
    are_run = [is_run(proof) for proof in PROOFS[fault]]  # all of them must be there
    assert any(are_run)


def test_a_row_says_which_fault_it_is() -> None:
    rows = [(fault, proof) for fault, proofs in PROOFS.items() for proof in proofs]
    named = [(fault, proof.partition("::")[2]) for fault, proof in rows if "::FT" in proof]
    shared = {"FT73 second poller, webhook"}  # two programs are two pollers as well
    assert [(f, name) for f, name in named if not name.startswith(f) and name not in shared] == []


@pytest.mark.skipif(not SPEC.exists(), reason="the list of faults is not part of a clone")
def test_no_grave_fault_is_left_out() -> None:
    listed = re.findall(r"^\*\*(FT\d+) \(P0\)", SPEC.read_text(encoding="utf-8"), re.MULTILINE)
    assert list(PROOFS) == listed
