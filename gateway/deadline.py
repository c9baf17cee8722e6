"""How long an operation may take, in all: what runs longer is cancelled, and its SQL with it.

A timer for each operation would be set and taken back thousands of times a second, and hardly ever
fire. All operations have the same time, so they end in the order in which they began: one timer,
for the first of them, is enough. It is left alone when that one is done, and looks again when it
fires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from types import TracebackType

from gateway.errors import DeadlineExceeded


class Clock:
    """Stops operations whose time is up.

    Args:
        operation_s: The time that each has.
    """

    def __init__(self, operation_s: float) -> None:
        self.operation_s = operation_s
        self._running: dict[_Operation, None] = {}  # the next to end is the first
        self._timer: asyncio.TimerHandle | None = None

    def operation(self) -> AbstractContextManager[object]:
        """Return the block of an operation, which raises DeadlineExceeded if its time is up."""
        return _Operation(self)

    def begin(self, operation: _Operation, loop: asyncio.AbstractEventLoop) -> None:
        """Let an operation's time begin."""
        operation.ends_at = loop.time() + self.operation_s
        self._running[operation] = None
        if self._timer is None:
            self._timer = loop.call_at(operation.ends_at, self._look)

    def leave(self, operation: _Operation) -> None:
        """Stop an operation no more."""
        self._running.pop(operation, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time()
        for operation in list(self._running):
            if operation.ends_at > now:
                self._timer = loop.call_at(operation.ends_at, self._look)
                return
            del self._running[operation]
            operation.stop()


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
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("an operation runs in a task")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._outer = _current.set(self)
        self._clock.begin(self, loop)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.reset(self._outer)
        self._clock.leave(self)
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
        loop = asyncio.get_running_loop()
        self._clock.leave(self)
        left_s = self.ends_at - loop.time()
        if self._own_timer is not None:
            self._own_timer.cancel()
        try:
            yield
        finally:
            self.ends_at = loop.time() + left_s
            self._own_timer = loop.call_at(self.ends_at, self.stop)


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
