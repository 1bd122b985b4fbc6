"""``models convert --format onnx``: what it refuses first, then a file that another program can use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import MataeError
from matae.models import load_model
from matae.segment.backends.onnx_export import export_onnx
from matae.segment.backends.source import ModelSource

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx", reason="ONNX (extra onnx) is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime (extra onnx) is not installed")


def test_what_cannot_be_written_is_said(tiny_model: str, tmp_path: Path) -> None:
    (tmp_path / "there.onnx").write_bytes(b"mine")
    for source, name, width, said in (
        (tiny_model, "file.pt", None, "no name of an ONNX file"),
        (tiny_model, "there.onnx", None, "is there already"),
        ("nobody", "new.onnx", None, "There is no model 'nobody'"),
        (tiny_model, "new.onnx", 0.3, "no width"),
    ):
        with pytest.raises(MataeError, match=said):
            export_onnx(source, tmp_path / name, width)
    assert (tmp_path / "there.onnx").read_bytes() == b"mine"
    assert [file.name for file in tmp_path.glob("*.onnx")] == ["there.onnx"]


@pytest.mark.parametrize("width", ["1/8", "1"])
def test_the_file_gives_what_the_network_gives(width: str, tiny_model: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "lv.onnx"
    done = CliRunner().invoke(
        app, ["models", "convert", tiny_model, "--format", "onnx", "--width", width, "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert f"tiny at width {width}" in done.stdout
    onnx.checker.check_model(onnx.load(out), full_check=True)
    session = onnxruntime.InferenceSession(out)
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["model"], facts["width"], facts["grid"]) == ("tiny", width, "32")
    assert json.loads(facts["classes"]) == ["left ventricular cavity"]
    plain = ModelSource.named(tiny_model).plain(1 / 8 if width == "1/8" else 1.0)
    import torch

    for shape in ((1, 1, 32, 32), (5, 1, 32, 32), (2, 1, 64, 48)):
        x = np.random.default_rng(3).random(shape, dtype=np.float32)
        with torch.inference_mode():
            np.testing.assert_allclose(session.run(None, {"frames": x})[0], plain(torch.from_numpy(x)), atol=1e-3)
    assert load_model(tiny_model)[1].sha256 == facts["weights_sha256"]
