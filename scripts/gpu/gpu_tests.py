"""Stage: the tests that need a GPU (``pytest -m gpu``)."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from stage import Stage, run_stage

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "gpu"


def work(stage: Stage) -> None:
    """Run them; without pytest they are left out."""
    if find_spec("pytest") is None:
        stage.leave_out("all", "pytest is not installed")
        return
    arguments = [
        "-q", "-m", "gpu", "-p", "no:cacheprovider", "-rA", "--tb=short",
        "-o", "filterwarnings=ignore", "--confcutdir", str(FOLDER), str(FOLDER),
        *(("-k", "stopped_goes_on or the_gpu_is_what_runs") if stage.dry else ()),
    ]  # fmt: skip
    # Plugins of other packages (a viewer's) may want what is not installed here.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if stage.dry:
        environment["MATAE_TEST_DEVICE"] = stage.device
        text, code = _here(arguments, environment)
        _told(stage, text, code)
        return
    command = [sys.executable, "-m", "pytest", *arguments]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=stage.left
        )
        text, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        text, code = (error.stdout or b"").decode("utf-8", "replace"), -1
        stage.leave_out("the tests that were not reached")
    _told(stage, text, code)


def _here(arguments: list[str], environment: dict[str, str]) -> tuple[str, int]:
    """Run pytest in this process: a dry run need not load PyTorch anew."""
    import pytest

    before = dict(os.environ)
    os.environ |= environment
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            code = int(pytest.main(arguments))
    finally:
        os.environ.clear()
        os.environ |= before
    return said.getvalue(), code


def _told(stage: Stage, text: str, code: int) -> None:
    """Put what pytest said into the report."""
    lines = text.splitlines()
    for word in ("PASSED", "FAILED", "SKIPPED", "ERROR"):
        for line in lines:
            if line.startswith(f"{word} "):
                stage.row("tests", outcome=word.lower(), test=line.removeprefix(f"{word} "))
    stage.say(exit_code=code, last_lines=lines[-40:])
    if not stage.report.get("tests") and code != -1:
        raise RuntimeError(f"no test ran: {lines[-1] if lines else 'pytest said nothing'}")
    if code not in (0, 5):
        sys.stdout.write("\n".join(lines[-40:]) + "\n")


if __name__ == "__main__":
    sys.exit(run_stage("gpu_tests", work))
