"""The decisions: no I/O, clock, randomness or logging; imports nothing else of ours."""
