"""Processes of this machine that end as they begin: all of them is a fault, one of several is done without."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from matae.cluster.local import LocalPool
from matae.errors import MataeError


def kill(name: str) -> None:
    (process,) = (child for child in multiprocessing.active_children() if child.name == name)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


def test_where_all_end_as_they_begin_it_says_so() -> None:
    pool = LocalPool(2)
    try:
        for name in list(pool.workers()):
            kill(name)
        with pytest.raises(MataeError, match=r"Each process for the clips ended as it began \(code -9\); use --jobs 1"):
            pool.workers()
    finally:
        pool.close()


def test_one_that_ends_as_it_begins_is_done_without_and_one_at_its_work_is_replaced() -> None:
    pool = LocalPool(2)
    try:
        first, second = pool.workers()
        kill(first)
        assert list(pool.workers()) == [second]
        while not pool._all[second].is_ready:
            pool.wait(0.1)
        kill(second)
        (third,) = pool.workers()
        assert third != second
    finally:
        pool.close()
