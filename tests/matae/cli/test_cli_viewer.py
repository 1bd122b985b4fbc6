"""``demo`` and ``open``: the viewer as a process of its own, or files."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from cli_makers import one_line
from command_line import run

import matae.cli.options
import matae.cli.viewer
from matae import RESEARCH_USE

if TYPE_CHECKING:
    pass


def test_demo_headless(tmp_path, out, tiny_default) -> None:
    result = run("demo", "--headless", "--out", out)
    assert result.exit_code == 0, result.output
    files = {line.split(maxsplit=2)[-1] for line in result.stdout.splitlines()}
    assert len(files) == 4
    assert len(list(out.iterdir())) == 4
    record = json.loads(next(out.glob("*.json")).read_text("utf-8"))
    assert record["n_frames"] == 30
    assert record["frame_rate"] == pytest.approx(30, abs=0.01)
    assert RESEARCH_USE in result.stderr


@pytest.fixture
def launched(monkeypatch) -> list[list[str]]:
    calls: list[list[str]] = []

    def note(command: list[str], **_: object) -> SimpleNamespace:
        calls.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", note)
    monkeypatch.setattr(matae.cli.viewer, "has_viewer", lambda: True)
    monkeypatch.setattr(matae.cli.viewer, "has_display", lambda: True)
    return calls


def test_demo_opens_the_viewer(launched) -> None:
    assert run("demo").exit_code == 0
    assert launched == [[sys.executable, "-m", "napari_matae", "--demo"]]


def test_open(launched, clip) -> None:
    assert run("open", clip).exit_code == 0
    assert run("open").exit_code == 0
    assert launched == [[sys.executable, "-m", "napari_matae", str(clip)], [sys.executable, "-m", "napari_matae"]]


def test_open_no_such_file(launched) -> None:
    assert "does not exist" in one_line(run("open", "nowhere.avi"))
    assert not launched


def test_viewer_that_crashes(launched, monkeypatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=-6))
    assert "ended with code -6" in one_line(run("demo"))


def test_demo_without_viewer_or_display(launched, out, tiny_default, monkeypatch) -> None:
    monkeypatch.setattr(matae.cli.viewer, "has_viewer", lambda: False)
    result = run("demo", "--out", out)
    assert "(extra viewer): pip install 'napari" in result.stderr
    assert result.exit_code == 0
    assert len(list(out.iterdir())) == 4
    assert "(extra viewer): pip install 'napari" in one_line(run("open"))
    monkeypatch.setattr(matae.cli.viewer, "has_viewer", lambda: True)
    monkeypatch.setattr(matae.cli.viewer, "has_display", lambda: False)
    assert "no display" in run("demo", "--out", out).stderr
    assert "no display" in one_line(run("open"))
    assert not launched
