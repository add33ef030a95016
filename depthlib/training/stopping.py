"""Ctrl-C and SIGTERM: a training saves its state before they take effect, and SIGTERM unwinds as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C; `kill`, `timeout`, a cluster's time limit


class _Held:
    """Signals that wait for `release`. A second Ctrl-C does not wait."""

    def __init__(self) -> None:
        self.process, self.received = os.getpid(), 0
        self.before: dict[int, Any] = {}

    def begin(self) -> None:
        for number in SIGNALS:
            if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN, self._receive):
                self.before[number] = handler
                signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.process:  # a worker that reads data inherits this; Ctrl-C reaches it as well
            if number == signal.SIGTERM:
                os._exit(128 + number)
            return
        again = self.received and number == signal.SIGINT
        self.received = self.received or number
        if again:
            self.release()

    def release(self) -> None:
        """End the waiting; a signal that was received takes effect now."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before.clear()
        received, self.received = self.received, 0
        if received:
            signal.raise_signal(received)


_held: _Held | None = None


@contextmanager
def signals_held() -> Iterator[None]:
    """Inside, from `begin` on, signals wait until a checkpoint is saved (see `Checkpoint`), or until the end.

    Elsewhere than in the main thread, which alone may set handlers, nothing changes.
    """
    global _held
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    outer, _held = _held, _Held()
    try:
        yield
    finally:
        held, _held = _held, outer
        held.release()


def begin() -> None:
    """From now on signals wait, inside of `signals_held`."""
    if _held is not None:
        _held.begin()


def waiting() -> bool:
    """Whether a signal waits for a checkpoint."""
    return _held is not None and _held.received != 0


def release() -> None:
    """The checkpoint is saved: let a waiting signal take effect."""
    if waiting():
        _held.release()


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Inside, SIGTERM raises SystemExit instead of ending Python at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
