"""The process a retraining runs in: ``python -m matae.learn.worker FOLDER``.

The first line of its standard input names the study; later ones say ``stop``. When the input ends, whoever started it
is gone, and the run puts itself aside. What happens goes into ``events.jsonl`` in the folder, a line each; nothing does
where another process works in the folder, and the exit code says so.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import MataeError
from matae.learn.events import Event, Failed, Stage, Step, Stopping, dump_event
from matae.learn.run_lock import BusyError, claim

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["BUSY", "EVENTS", "FAILED", "LOG", "OK", "PAUSED", "STOP", "main"]

EVENTS, LOG = "events.jsonl", "log.txt"
STOP = "stop"
OK, FAILED, PAUSED, BUSY = 0, 1, 3, 4
_STEP_EVERY = 0.1  # seconds between two step events; a small network takes hundreds a second


@dataclass
class _Telling:
    """The event file; lines of two threads do not mix."""

    file: BinaryIO
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_step: float = 0.0

    def __post_init__(self) -> None:
        # A line that a kill cut off must not swallow the next one.
        if self.file.seek(0, os.SEEK_END):
            self.file.seek(-1, os.SEEK_END)
            if self.file.read(1) != b"\n":
                self.file.write(b"\n")

    def __call__(self, event: Event) -> None:
        with self.lock:
            if isinstance(event, Step):
                now = time.monotonic()
                if now - self.last_step < _STEP_EVERY and event.step < event.steps:
                    return
                self.last_step = now
            self.file.write(f"{dump_event(event)}\n".encode())
            self.file.flush()


def main(folder: Path) -> int:
    """Run or go on with the run in a folder; return the exit code."""
    try:
        with claim(folder), (folder / EVENTS).open("a+b") as file:
            return _work(folder, _Telling(file))
    except BusyError:
        return BUSY  # the event file is another's


def _work(folder: Path, tell: _Telling) -> int:
    target = sys.stdin.readline().rstrip("\n")
    stop, pause = threading.Event(), threading.Event()
    trains = True

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == STOP and not stop.is_set():
                # Said at once, whatever the training is in the midst of.
                tell(Stopping())
                stop.set()
        pause.set()

    def emit(event: Event) -> None:
        nonlocal trains
        if trains and event == Stage("judging"):
            trains = False
            stop.clear()  # what ended the training is fulfilled; from now on it is the judging that can be stopped
        tell(event)

    threading.Thread(target=listen, daemon=True).start()
    with suppress(OSError, AttributeError):
        os.nice(5)  # the viewer comes first
    try:
        # Here, not above: the listener hears a stop while torch is loaded.
        from matae.learn.channel import PausedError, RunCallbacks
        from matae.learn.run import go_on
        from matae.store import Study

        try:
            with Study.open(target) as study:
                go_on(study, folder, link=RunCallbacks(emit, stop.is_set, pause.is_set))
        except PausedError as paused:
            tell(Failed(str(paused), resumable=True))
            return PAUSED
    except MataeError as error:
        tell(Failed(str(error)))
        return FAILED
    except Exception as error:  # noqa: BLE001 - said to the person, kept in the log
        # Ours to mend; the person gets a sentence, the log the rest.
        traceback.print_exc()
        what = f"The training broke off ({type(error).__name__}: {error}); its log is {folder.name}/{LOG}, "
        tell(Failed(f"{what}please send it to us. The study and the models are untouched.", resumable=True))
        return FAILED
    return OK


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    # The listener waits in a read that nothing ends; what had to be written is written.
    os._exit(code)
