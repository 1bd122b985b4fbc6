"""The entry point: what is wrong first, then that whoever opens a clip does not wait for the command line."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

import matae.cli
import matae.launch
from matae import command
from matae.cli.options import STOPPED


@pytest.fixture
def launched(monkeypatch) -> list[list[str]]:
    calls: list[list[str]] = []

    def note(given: list[str], **_: object) -> SimpleNamespace:
        calls.append(given[2:])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", note)
    monkeypatch.setattr(matae.launch, "has_viewer", lambda: True)
    monkeypatch.setattr(matae.launch, "has_display", lambda: True)
    monkeypatch.setattr(matae.cli, "main", lambda: calls.append(["command line"]))
    return calls


@pytest.mark.parametrize(
    "words",
    [[], ["open", "nowhere.avi"], ["open", "x" * 300], ["open", "--help"], ["open", ".", "."], ["segment", "."]],
)
def test_whatever_else_is_asked_goes_to_the_command_line(words, launched, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["napari-matae", *words])
    command.main()
    assert launched == [["command line"]]


@pytest.mark.parametrize("missing", ["has_viewer", "has_display"])
def test_without_viewer_or_display_the_command_line_says_so(missing, launched, monkeypatch):
    monkeypatch.setattr(matae.launch, missing, lambda: False)
    monkeypatch.setattr(sys, "argv", ["napari-matae", "open"])
    command.main()
    assert launched == [["command line"]]


def test_a_viewer_that_crashes_is_said_in_one_line(launched, monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=-6))
    monkeypatch.setattr(sys, "argv", ["napari-matae", "open"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("napari-matae: The viewer ended with code -6;")


def test_ctrl_c_ends_as_the_command_line_does(launched, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupted)
    monkeypatch.setattr(sys, "argv", ["napari-matae", "open"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == STOPPED


def test_a_clip_is_opened_without_loading_the_command_line(tmp_path, launched, monkeypatch):
    clip = tmp_path / "clip.avi"
    clip.write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["napari-matae", "open", str(clip)])
    command.main()
    assert launched == [["napari_matae", str(clip)]]
    monkeypatch.undo()
    code = (
        "import sys, subprocess\nimport matae.launch\nfrom types import SimpleNamespace\n"
        "matae.launch.has_viewer = matae.launch.has_display = lambda: True\n"
        "subprocess.run = lambda *_, **__: SimpleNamespace(returncode=0)\n"
        f"sys.argv = ['napari-matae', 'open', {str(clip)!r}]\n"
        "from matae.command import main\nmain()\nprint('typer' in sys.modules, 'matae.cli' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("False False\n", 0), done.stderr
