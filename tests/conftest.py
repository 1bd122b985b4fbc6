"""For all tests: threads that sleep while they wait, one of them, and a hidden screen for each process.

The networks of the tests are tiny, and several tests run at a time: more threads would only wait for each other.
Processes that tests start inherit it all. What is set outside wins.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matae  # noqa: F401 - it sets how threads wait, before anything loads torch


def _open_screen() -> None:
    """Give this worker of pytest-xdist a screen of its own: on a shared one, windows take each other's focus."""
    server = shutil.which("Xvfb")
    if "PYTEST_XDIST_WORKER" not in os.environ or server is None or sys.platform != "linux":
        return
    told, tells = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(tells), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[tells], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(process.kill)
    os.close(tells)
    with os.fdopen(told) as pipe:
        number = pipe.readline().strip()
    if number:
        os.environ["DISPLAY"] = f":{number}"
        os.environ.pop("XAUTHORITY", None)


_open_screen()
