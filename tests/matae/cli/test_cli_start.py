"""What the command line answers at once, with nothing heavy loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command_line import run

from matae import __version__

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize(
    "arguments", [(), ("segment",), ("segment", "a.avi"), ("fly",), ("models",), ("models", "show")]
)
def test_incomplete_use(arguments) -> None:
    assert run(*arguments).exit_code == 2


def test_version() -> None:
    assert run("--version").stdout == f"napari-matae {__version__}\n"


def test_nothing_heavy_is_loaded_to_say_little(tmp_path) -> None:
    asked = [["--version"], ["segment", "--help"], ["benchmark", "--help"], ["models", "list"],
             ["segment", "no", "--out", "o"], ["--help"]]  # fmt: skip
    script = (
        "import sys\nfrom matae.cli import app, main\n"
        "commands, groups = app.registered_commands[:], app.registered_groups[:]\n"
        f"for asked in {asked!r}:\n"
        "    sys.argv[1:], app.registered_commands[:], app.registered_groups[:] = asked, commands, groups\n"
        "    try:\n        main()\n"
        "    except SystemExit:\n        pass\n"
        "heavy = {'torch', 'napari', 'qtpy', 'SimpleITK', 'av', 'pydicom', 'skimage', 'scipy', 'distributed',\n"
        "         'nibabel', 'filelock'}\n"  # pydantic is typer's own business
        "sys.exit(','.join(heavy & set(sys.modules)) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for said in ("napari-matae ", "Usage: -c segment", "Usage: -c benchmark", "matae-lv", "Usage: -c [OPTIONS]"):
        assert said in done.stdout
    assert "no does not exist" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("segment", "-h"), ("open", "-h"), ("fly",),
        *(pytest.param((name, "-h"), marks=pytest.mark.slow) for name in ("import", "study")),
    ],
)  # fmt: skip
def test_a_process_for_one_command_says_what_all_commands_say(arguments) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from matae.cli import main; main()", *arguments],
        capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80", "TERM": "dumb"},
    )  # fmt: skip
    script = f"import sys; sys.argv[0] = '-c'; from matae.cli import app; app({list(arguments)!r})"
    whole = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80", "TERM": "dumb"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (whole.returncode, whole.stdout, whole.stderr)
    assert "Usage" in done.stdout + done.stderr
