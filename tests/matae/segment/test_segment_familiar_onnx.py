"""How well a network knows pictures, by ONNX Runtime: nothing kept that cannot be made, then as PyTorch says it."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from matae.cli import app
from matae.models import DEFAULT_MODEL, find_model
from matae.phantom import make_phantom
from matae.segment import find_sector, out_of_distribution
from matae.segment.familiar_onnx import onnx_look
from matae.segment.out_of_distribution import POOLED, _NoHeadsError, _torch_look, _with_heads, familiarity

if TYPE_CHECKING:
    from pathlib import Path

    from matae.cine import Cine
    from matae.segment.out_of_distribution import Familiarity

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


def _as_without_pytorch(cine: Cine) -> Familiarity:
    """Look as a process does that has not loaded PyTorch, with nothing remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(out_of_distribution, "sys", SimpleNamespace(modules={}))
        patch.setattr(out_of_distribution._Answers, "kept", OrderedDict())
        out_of_distribution._onnx_look.cache_clear()
        found = familiarity(cine, find_sector(cine), DEFAULT_MODEL)
    assert found is not None
    return found


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


def test_the_next_process_needs_no_pytorch(matae_home: Path, cache: Path) -> None:
    cine = make_phantom(1, n_frames=2).cine
    kept = _as_without_pytorch(cine)
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{kept.errors.max():.4f}", "False"]


@pytest.mark.slow  # two processes; that it is said once is tested in one above
def test_a_damaged_file_is_said_once_by_the_command(matae_home: Path, cache: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", make_phantom(1, n_frames=2).cine.frames)
    options = ["--again", "--backend", "onnxruntime", "--width", "1/8", "--out", str(tmp_path / "out")]
    # PyTorch is loaded here: the network is made and kept, and what looks is not looked for.
    assert CliRunner().invoke(app, ["segment", str(tmp_path / "clip.npy"), *options]).exit_code == 0
    assert not list(cache.glob("familiar-*"))
    _as_without_pytorch(make_phantom(1, n_frames=2).cine)
    (file,) = cache.glob("familiar-*")

    def said() -> int:
        command = [sys.executable, "-c", "from matae.cli import app; app()", "segment", str(tmp_path / "clip.npy")]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).count("is damaged; it was made anew")

    whole = file.read_bytes()
    file.write_bytes(b"not what was written")
    assert [said(), said()] == [1, 0]
    assert len(file.read_bytes()) == len(whole)


@pytest.mark.parametrize("broken", ["onnx", "onnxruntime"])
def test_pytorch_looks_where_what_is_installed_cannot_be_loaded(
    matae_home: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (tmp_path / f"{broken}.py").write_text("raise ImportError('DLL load failed')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == broken]:
        monkeypatch.delitem(sys.modules, name)
    _torch_look.cache_clear()
    found = _as_without_pytorch(make_phantom(1, n_frames=2).cine)
    assert 0 < found.errors.max() < find_model(DEFAULT_MODEL).card.familiar["limit"]
    assert _torch_look.cache_info().misses == 1


def test_what_is_kept_for_one_grid_is_not_taken_for_another(matae_home: Path, cache: Path) -> None:
    card = find_model(DEFAULT_MODEL).card
    for grid in (card.grid, card.grid - 32):
        look = onnx_look(replace(card, grid=grid), POOLED, lambda: _with_heads(DEFAULT_MODEL))
        errors, _ = look(np.zeros((1, grid, grid), np.uint8))
        assert errors.shape == (1,)
