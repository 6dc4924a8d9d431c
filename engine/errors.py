"""Every error the engine's shell can raise, in one tree.

EngineError
+- ConfigError           all problems of the configuration at once; exit 2
+- DataError             a candle file that cannot be used; exit 2
+- PortInUse             an address we must listen on is taken; exit 2
+- StoreError            state that must not be touched; exit 3, never repaired silently
|  +- JournalCorrupt     a damaged line that is not the torn last one
|  +- StoreLocked        another process owns the directory
+- ExchangeError
|  +- Transient          the shell may retry a read, bounded
|  |  +- RateLimited     with the time to wait
|  +- OutcomeUnknown     a write was sent and nobody knows
|  +- RefusedByExchange  final, with an enumerated reason
|  +- Denied             key, permission or region; exit 5 at start
+- StreamError           reconnect; never fatal
+- ChatRefused           Telegram refused the token; exit 4

It exists so that a caller can decide by type alone. Messages name the thing, what was expected,
what was found and the next step; they must never carry a secret.
"""

from pathlib import Path

from engine.core.values import Refusal


class EngineError(Exception):
    """Root of the tree; `exit_code` is what the process ends with when nobody handles it."""

    exit_code = 1


class ConfigError(EngineError):
    """All problems found in the configuration, one line each."""

    exit_code = 2

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = problems
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        super().__init__("\n".join([f"{source}: {count}", *(f"  {p}" for p in problems)]))


class DataError(EngineError):
    """Candles that cannot be used; `where` names file and line, or what else was asked for."""

    exit_code = 2

    def __init__(self, where: str, expected: str, found: str) -> None:
        super().__init__(f"{where}: expected {expected}, found {found}")


class PortInUse(EngineError):
    """An address we must listen on belongs to somebody else."""

    exit_code = 2

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"port {port} on {host}: expected a free port, found it in use; "
            f"stop the other program or choose another with --port"
        )


class StoreError(EngineError):
    """State on disk that must not be touched."""

    exit_code = 3


class JournalCorrupt(StoreError):
    """A journal line is damaged and is not the torn last one."""

    def __init__(self, path: Path, line: int, expected: str, found: str) -> None:
        self.path, self.line = path, line
        super().__init__(
            f"{path} line {line}: expected {expected}, found {found}; nothing was changed, "
            f"restore the directory from a copy or move it away to start a new account"
        )


class StoreLocked(StoreError):
    """Another process owns the state directory."""

    def __init__(self, path: Path, by: str) -> None:
        super().__init__(
            f"{path}: expected to own this directory, found it locked by {by}; "
            f"stop that process or choose another --state-dir"
        )


class ExchangeError(EngineError):
    """The exchange did not do what was asked."""


class Transient(ExchangeError):
    """A read failed in a way that may pass; the shell may retry, bounded in tries and time."""


class RateLimited(Transient):
    """The exchange asked us to wait."""

    def __init__(self, what: str, retry_after_ms: int) -> None:
        self.retry_after_ms = retry_after_ms
        super().__init__(f"{what}: rate limited, retry after {retry_after_ms} ms")


class OutcomeUnknown(ExchangeError):
    """A write was sent and no believable answer came: look it up, never repeat it blindly."""


class RefusedByExchange(ExchangeError):
    """A write was refused for good."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        self.refusal = refusal
        super().__init__(f"{refusal}: {detail}")


class Denied(ExchangeError):
    """Key, permission or region: no retry will help."""

    exit_code = 5


class StreamError(EngineError):
    """The stream broke; it is reconnected."""


class ChatRefused(EngineError):
    """Telegram refused the token."""

    exit_code = 4
