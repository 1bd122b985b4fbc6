"""How well a network knows pictures, by ONNX Runtime: nothing kept that cannot be made, then as PyTorch says it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matae.models import DEFAULT_MODEL, find_model
from matae.phantom import make_phantom
from matae.segment.familiar_onnx import onnx_look
from matae.segment.out_of_distribution import POOLED, _NoHeadsError, _torch_look, _with_heads

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

ASK = f"""
import sys
import matae
from matae.phantom import make_phantom
from matae.segment import find_sector
from matae.segment.out_of_distribution import familiarity
cine = make_phantom(1, n_frames=2).cine
found = familiarity(cine, find_sector(cine), {DEFAULT_MODEL!r})
sys.stdout.write(f"{{found.errors.max():.4f}} {{'torch' in sys.modules}}")
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "compiled"


def test_a_network_without_heads_leaves_nothing_behind(tiny_model: str, cache: Path) -> None:
    card = find_model(DEFAULT_MODEL).card
    with pytest.raises(_NoHeadsError):
        onnx_look(card, POOLED, lambda: _with_heads(tiny_model))
    assert not list(cache.glob("*"))


def test_what_is_kept_says_what_pytorch_says_and_is_made_anew_where_damaged(matae_home: Path, cache: Path) -> None:
    card = find_model(DEFAULT_MODEL).card
    look, expected = (
        onnx_look(card, POOLED, lambda: _with_heads(DEFAULT_MODEL)),
        _torch_look(DEFAULT_MODEL, card.sha256),
    )
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (5, card.grid, card.grid), dtype=np.uint8)
    pictures[1], pictures[2] = 0, 255
    for some in (pictures[:1], pictures, pictures[1:4]):
        for found, wanted in zip(look(some), expected(some), strict=True):
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)

    (file,) = cache.glob("familiar-*")
    again = onnx_look(card, POOLED, lambda: pytest.fail("made again"))
    np.testing.assert_array_equal(again(pictures)[0], look(pictures)[0])
    file.write_bytes(file.read_bytes()[:-9])
    said: list[str] = []
    for _ in range(2):
        mended = onnx_look(card, POOLED, lambda: _with_heads(DEFAULT_MODEL), said.append)
        np.testing.assert_array_equal(mended(pictures)[0], look(pictures)[0])
    assert said == [f"The compiled network {file.name} is damaged; it was made anew."]


def test_a_second_process_needs_no_pytorch(matae_home: Path, cache: Path) -> None:
    said = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
        said.append(done.stdout.split())
    assert said[0][0] == said[1][0]
    assert said[1][1] == "False"


def test_a_damaged_file_is_said_once_by_the_command(matae_home: Path, cache: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", make_phantom(1, n_frames=2).cine.frames)
    options = ["--again", "--backend", "onnxruntime", "--width", "1/8", "--out", str(tmp_path / "out")]

    def said() -> int:
        command = [sys.executable, "-c", "from matae.cli import app; app()", "segment", str(tmp_path / "clip.npy")]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).count("is damaged; it was made anew")

    assert [said(), said()] == [0, 0]  # the first one loads PyTorch for the network, which looks then
    (file,) = cache.glob("familiar-*")
    file.write_bytes(b"not what was written")
    assert [said(), said()] == [1, 0]


@pytest.mark.parametrize("broken", ["onnx", "onnxruntime"])
def test_pytorch_looks_where_what_is_installed_cannot_be_loaded(
    matae_home: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (tmp_path / f"{broken}.py").write_text("raise ImportError('DLL load failed')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    error, loaded = done.stdout.split()
    assert 0 < float(error) < find_model(DEFAULT_MODEL).card.familiar["limit"]
    assert loaded == "True"


def test_what_is_kept_for_one_grid_is_not_taken_for_another(matae_home: Path, cache: Path) -> None:
    card = find_model(DEFAULT_MODEL).card
    for grid in (card.grid, card.grid - 32):
        look = onnx_look(replace(card, grid=grid), POOLED, lambda: _with_heads(DEFAULT_MODEL))
        errors, _ = look(np.zeros((1, grid, grid), np.uint8))
        assert errors.shape == (1,)
