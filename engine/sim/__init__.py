"""The deterministic world: matching, feeds and the embedded exchange."""
