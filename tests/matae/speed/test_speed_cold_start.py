"""A cold start in a new process: what goes wrong in it is said, what it needs is counted in it alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from matae.errors import SegmentError
from matae.speed.clip import phantom_clip, write_avi
from matae.speed.cold_start import cold_start
from matae.speed.memory import peak_memory_mb

if TYPE_CHECKING:
    from pathlib import Path


def test_what_goes_wrong_in_the_process_is_said(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match=r"could not segment the clip: .*nowhere\.avi does not exist.*try again\.$"):
        cold_start(tmp_path / "nowhere.avi", "matae-lv", "cpu")


def test_a_process_that_dies_without_a_word_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false" if sys.platform != "win32" else "where")
    with pytest.raises(SegmentError, match=r"could not segment the clip: .*try again\.$"):
        cold_start(tmp_path / "clip.avi", "matae-lv", "cpu")


@pytest.mark.skipif(sys.platform == "win32", reason="a script of the shell")
def test_what_comes_at_once_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = '{"memory_mb": 1.5, "gpu_memory_mb": null, "width": "1"}'
    script = tmp_path / "quick"
    script.write_text(f"#!/bin/sh\nseq 100000 >&2\nprintf 'first\\n{found}\\n'\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    assert cold_start(tmp_path / "clip.avi", "matae-lv", "cpu")[1:] == (1.5, None, "1")


@pytest.mark.skipif(peak_memory_mb() is None, reason="this system does not tell")
def test_memory_is_that_of_the_process_alone() -> None:
    code = "from matae.speed.memory import peak_memory_mb\nprint(peak_memory_mb())"

    def child() -> float:
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    before = child()
    much = bytearray(200 * 2**20)
    for at in range(0, len(much), 4096):
        much[at] = 1
    assert child() < before + 50  # a child counts nothing of what its parent has
    assert (peak_memory_mb() or 0) > 200


@pytest.mark.slow  # test_figures_are_printed_and_written starts one, too
def test_a_new_process_segments_the_clip(tmp_path: Path, tiny_model: str) -> None:
    path = tmp_path / "clip.avi"
    write_avi(phantom_clip(3, (40, 48)), path)
    found = cold_start(path, tiny_model, "cpu")
    assert found.first_mask_s > 0
    assert found.gpu_memory_mb is None
    assert found.width in {"1/2", "1"}
    assert found.memory_mb is None or found.memory_mb > 100  # torch alone is more


def test_frames_repeat_once_enough_are_drawn(tmp_path: Path) -> None:
    from matae.read import open_cine

    cine = phantom_clip(5, (40, 48), distinct=2)
    assert cine.frames.shape == (5, 40, 48)
    assert (cine.frames[0] == cine.frames[4]).all()
    assert (cine.frames[0] != cine.frames[1]).any()
    write_avi(cine, tmp_path / "clip.avi")
    read = open_cine(tmp_path / "clip.avi")
    assert read.frames.shape == (5, 40, 48)
    assert read.frame_rate == pytest.approx(50)
