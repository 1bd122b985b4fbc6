"""Divide the time among the targets, each in processes of its own, and say what was found.

A finding is an exception other than a refusal, a call that takes longer than `HANG_S`, more than `MEMORY_MB` of
memory, or a process that ends. Its input is kept in ``<out>/findings``; copy it to ``tests/fuzz/found`` once it is
mended.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.targets import NAMES

HANG_S = 60  # of the clock: on a busy machine a call of milliseconds takes seconds
MEMORY_MB = 2048
_MOST_RESTARTS = 12  # of a target whose process keeps ending: the next ones shall have their turn


def main() -> int:
    """Run the fuzzer; 1 if there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="in all, divided among the targets")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="corpus and findings")
    parser.add_argument("targets", nargs="*", help=f"by default all of {', '.join(NAMES)}")
    asked = parser.parse_args()
    names = asked.targets or list(NAMES)
    if unknown := set(names).difference(NAMES):
        parser.error(f"no target {', '.join(sorted(unknown))}; choose of {', '.join(NAMES)}")
    findings = asked.out / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    for name in names:
        runs, seconds, restarts = _fuzz(name, asked.seconds / len(names), asked.out, findings)
        kept = len([path for path in findings.glob(f"{name}-*") if path.suffix != ".txt"])
        sys.stdout.write(f"{name:32} {runs:9} runs {seconds:7.0f} s {restarts:3} restarts {kept:3} findings\n")
        sys.stdout.flush()
    return 1 if any(findings.iterdir()) else 0


def _fuzz(name: str, seconds: float, out: Path, findings: Path) -> tuple[int, float, int]:
    corpus, log = out / "corpus" / name, out / f"{name}.log"
    corpus.mkdir(parents=True, exist_ok=True)
    started, runs, restarts = time.monotonic(), 0, -1
    while (left := seconds - (time.monotonic() - started)) > 1 and restarts < _MOST_RESTARTS:
        restarts += 1
        tally = out / "tally.json"
        tally.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "tests.fuzz.child", name, str(corpus), str(findings), str(tally),
            f"-max_total_time={int(left)}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}", "-verbosity=0",
            f"-artifact_prefix={findings / name}-", "-max_len=16384", "-report_slow_units=1000", str(corpus),
        ]  # fmt: skip
        with log.open("ab") as file:
            # The libraries below write what they think of a file to the console.
            code = subprocess.run(
                command, stdout=file, stderr=file, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
            ).returncode
        runs += json.loads(tally.read_text())["runs"] if tally.is_file() else 0
        if code == 0:
            break
    return runs, time.monotonic() - started, max(restarts, 0)


if __name__ == "__main__":
    sys.exit(main())
