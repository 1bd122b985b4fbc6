"""Rewriting the assertions of the test modules: once for all workers of pytest-xdist, each a share of the modules.

Every worker collects every module, all in the same order and at the same time, so in a fresh checkout each of them
would rewrite all 340: 20 seconds of a processor for each worker. What is written here is what pytest itself reads when
it then imports the modules; a module that another worker has not come to yet is rewritten where it is needed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def rewrite_share(config: pytest.Config) -> None:
    """Rewrite this worker's share of the test modules that are named or lie below what is named."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count < 2 or not worker.removeprefix("gw").isdecimal():
        return
    try:  # pytest's own, not part of its interface: without them everything is only slower
        from _pytest.assertion.rewrite import (
            PYC_TAIL,
            _read_pyc,
            _rewrite_test,
            _write_pyc,
            assertstate_key,
            get_cache_dir,
            try_makedirs,
        )  # fmt: skip
    except ImportError:
        return
    state = config.stash.get(assertstate_key, None)
    if state is None:  # --assert=plain
        return
    for path in _modules(config)[int(worker.removeprefix("gw")) :: count]:
        folder = get_cache_dir(path)
        kept = folder / (path.name.removesuffix(".py") + PYC_TAIL)
        if _read_pyc(path, kept, state.trace) is not None or not try_makedirs(folder):
            continue
        try:
            digest, code = _rewrite_test(path, config)
        except (SyntaxError, UnicodeError):  # said where the module is imported
            continue
        _write_pyc(state, code, digest, kept)


def _modules(config: pytest.Config) -> list[Path]:
    named = [config.rootpath / argument.split("::")[0] for argument in config.args or ["tests"]]
    return sorted({file for path in named for file in (path.rglob("test_*.py") if path.is_dir() else [path])})
