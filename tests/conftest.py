"""For all tests: threads that sleep while they wait, one of them, and a hidden screen for each process.

The networks of the tests are tiny, and several tests run at a time: more threads would only wait for each other.
Processes that tests start inherit it all. What is set outside wins.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
# What runtimes compile is shared by the tests and their processes, and thrown away.
if "MATAE_CACHE" not in os.environ:
    os.environ["MATAE_CACHE"] = tempfile.mkdtemp(prefix="matae-cache-")
    atexit.register(shutil.rmtree, os.environ["MATAE_CACHE"], ignore_errors=True)
# The settings that whoever runs the tests has in napari are neither read nor written; each worker has its own.
if "NAPARI_CONFIG" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    _settings = tempfile.mkdtemp(prefix="matae-napari-")
    os.environ["NAPARI_CONFIG"] = os.path.join(_settings, "settings.yaml")  # noqa: PTH118 - nothing is imported yet
    atexit.register(shutil.rmtree, _settings, ignore_errors=True)
os.environ.setdefault("MATAE_MEASURE", "0")  # what this computer is quick at decides no test

# Bytecode is kept (git ignores it, `make clean` removes it) even where a container says not to: without it each worker
# rewrites all test modules anew, and each process that a test starts compiles the engine.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

import matae  # noqa: F401 - it sets how threads wait, before anything loads torch

from .quick_commands import build_commands_once
from .scratch import end_scratch, hold_scratch, put_scratch_into_memory
from .shared_rewriting import rewrite_share

if TYPE_CHECKING:
    import pytest

# How long an example takes says what else the computer does.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
build_commands_once()
sys.dont_write_bytecode = False


_COLLECT_AFTER = (20_000, 50, 50)
"""Objects and collections after which garbage is searched for: with Python's own it is a tenth of the work."""


def _end_with_parent() -> None:
    """Ask Linux to stop the screen when its worker is killed and cannot do so itself."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _open_screen() -> None:
    """Give this worker of pytest-xdist a screen of its own: on a shared one, windows take each other's focus."""
    server = shutil.which("Xvfb")
    if "PYTEST_XDIST_WORKER" not in os.environ or server is None or sys.platform != "linux":
        return
    told, tells = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(tells), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[tells], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 (it calls the system once)
    )  # fmt: skip
    atexit.register(process.kill)
    os.close(tells)
    with os.fdopen(told) as pipe:
        number = pipe.readline().strip()
    if number:
        os.environ["DISPLAY"] = f":{number}"
        os.environ.pop("XAUTHORITY", None)


_open_screen()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the files of the default suite in memory; a slow test may write more than there is of it."""
    if "not slow" in config.getoption("markexpr"):
        put_scratch_into_memory()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make collecting quick: this worker rewrites its share of the test modules, and nothing is searched for garbage.

    Nothing that is imported is garbage; looking for it is a fifth of what collecting takes.
    """
    hold_scratch(session.config)
    rewrite_share(session.config)
    if "PYTEST_XDIST_WORKER" in os.environ or session.config.getoption("dist", "no") == "no":  # it collects
        gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was imported out of the garbage collections: after each viewer there are four, over everything."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    gc.enable()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Give the memory back that the files of the tests took, where nobody will look at them."""
    end_scratch(session.config, keep=exitstatus != 0)
