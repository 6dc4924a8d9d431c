"""The trading engine: a core without I/O, a thin shell around it, and a simulated world."""

__version__ = "0.1.0"
