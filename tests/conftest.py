"""For all tests: before anything loads torch, threads that do not spin, and one of them.

The networks of the tests are tiny, and several tests run at a time: more threads would only wait for each other.
Processes that tests start inherit both. What is set outside wins.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matae  # noqa: F401 - it sets how threads wait
