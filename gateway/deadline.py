"""How long an operation may take, in all: what runs longer is cancelled, and its SQL with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from time import monotonic
from types import TracebackType

from gateway.errors import DeadlineExceeded
from gateway.timers import Timers


class Clock:
    """Stops operations whose time is up.

    Args:
        operation_s: The time that each has.
    """

    def __init__(self, operation_s: float) -> None:
        self.operation_s = operation_s
        self.running = Timers[_Operation](operation_s, _Operation.stop)

    def operation(self) -> AbstractContextManager[object]:
        """Return the block of an operation, which raises DeadlineExceeded if its time is up."""
        return _Operation(self)


class _Operation:
    """An operation that runs in the task which entered it."""

    __slots__ = (
        "_cancelled_before",
        "_clock",
        "_is_stopped",
        "_outer",
        "_own_timer",
        "_task",
        "ends_at",
        "may_have_changed",
    )

    _task: asyncio.Task[object]
    _cancelled_before: int
    _outer: Token[_Operation | None]
    ends_at: float

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._own_timer: asyncio.TimerHandle | None = None
        self._is_stopped = False
        self.may_have_changed = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an operation runs in a task")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._outer = _current.set(self)
        self.ends_at = self._clock.running.begin(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.reset(self._outer)
        self._clock.running.end(self)
        if self._own_timer is not None:
            self._own_timer.cancel()
        if not self._is_stopped:
            return
        # Somebody else may have cancelled it as well, as when the gateway ends.
        is_only_ours = self._task.uncancel() <= self._cancelled_before
        if is_only_ours and isinstance(failure, asyncio.CancelledError):
            raise DeadlineExceeded(
                self._clock.operation_s, may_have_changed=self.may_have_changed
            ) from failure

    def stop(self) -> None:
        """Cancel it: its time is up."""
        self._is_stopped = True
        self._task.cancel()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let what is done in the block take its time."""
        self._clock.running.end(self)
        left_s = self.ends_at - monotonic()
        if self._own_timer is not None:
            self._own_timer.cancel()
        try:
            yield
        finally:
            self.ends_at = monotonic() + left_s
            self._own_timer = asyncio.get_running_loop().call_later(left_s, self.stop)


_current: ContextVar[_Operation | None] = ContextVar("operation", default=None)


def paused() -> AbstractContextManager[None]:
    """Return a block whose time is not the operation's: it has limits of its own."""
    operation = _current.get()
    return nullcontext() if operation is None else operation.paused()


def note_change(may_have_changed: bool = True) -> bool:
    """Note whether the operation may have changed something by now; return what was noted."""
    operation = _current.get()
    if operation is None:
        return False
    before = operation.may_have_changed
    operation.may_have_changed = may_have_changed
    return before
