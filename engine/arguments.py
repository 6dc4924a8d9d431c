"""Argument types that both command lines share.

It exists so that a number out of range is the same clear error wherever it is typed. It must never
know what a number is for beyond its range.
"""

import argparse

SPEED_MAX = 10_000
PORT_MAX = 65_535


def speed(text: str) -> float:
    """Market time over real time; raises `argparse.ArgumentTypeError`."""
    value = float(text)
    if not 0 < value <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"expected 0 < speed <= {SPEED_MAX}, found {text}")
    return value


def port(text: str) -> int:
    """A port, 0 for a free one; raises `argparse.ArgumentTypeError`."""
    value = count(text)
    if value > PORT_MAX:
        raise argparse.ArgumentTypeError(f"expected 0..{PORT_MAX}, found {text}")
    return value


def count(text: str) -> int:
    """A whole number from 0; raises `argparse.ArgumentTypeError`."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f'expected a whole number from 0, found "{text}"')
    return int(text)
