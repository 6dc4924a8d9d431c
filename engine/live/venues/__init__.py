"""One sans-I/O protocol file per venue."""
