"""A network as an ONNX file: any number of frames, any size that the network can halve often enough."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import DeviceError, ModelError
from matae.extras import without_extra
from matae.segment.backends.compiled import GRAPH, cached, version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from matae.nn.network import Network
    from matae.segment.backends.source import ModelSource

__all__ = ["INPUT", "OUTPUT", "check_onnx", "exported", "onnx_bytes", "onnx_of"]

INPUT, OUTPUT = "frames", "logits"
"""Names of the one input, (N, 1, H, W) float32 in 0-1, and the one output, (N, classes, H, W) float32."""

_OPSET = 17
_CLOSE = 1e-3  # of the logits


def onnx_bytes(network: Network, grid: int) -> bytes:
    """Return a plain network as an ONNX file, with the number of frames and the sides left open.

    Parameters
    ----------
    network
        Of one width, in inference mode, on the CPU.
    grid
        Side of its input, to trace it with.

    Raises
    ------
    DeviceError
        If the package onnx is not installed.
    """
    open_sides = {0: "n", 2: "height", 3: "width"}
    return exported(network.float(), grid, {OUTPUT: open_sides}, open_sides)


def exported(
    module: torch.nn.Module, grid: int, outputs: dict[str, dict[int, str]], open_sides: dict[int, str]
) -> bytes:
    """Return what is computed of pictures as an ONNX file; its input is named `INPUT`.

    Parameters
    ----------
    module
        In inference mode, on the CPU.
    grid
        Side of its input, to trace it with.
    outputs
        Their names, and the name of each axis of theirs that is left open.
    open_sides
        Those of the input.

    Raises
    ------
    DeviceError
        If the package onnx is not installed.
    """
    import torch

    try:
        import onnx  # noqa: F401 - the exporter needs it, and says so less plainly
    except ImportError:
        raise DeviceError(without_extra("onnx")) from None
    with tempfile.TemporaryDirectory(prefix="matae-onnx-") as folder, warnings.catch_warnings(), torch.no_grad():
        # The exporter that traces is called the older one; the newer needs another package, and longer. The tracer
        # remarks on what it takes for constant, which is.
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            module, (torch.zeros(2, 1, grid, grid),), path, dynamo=False, opset_version=_OPSET,
            input_names=[INPUT], output_names=list(outputs), dynamic_axes={INPUT: open_sides} | outputs,
        )  # fmt: skip
        return path.read_bytes()


def onnx_of(source: ModelSource, width: float, notify: Callable[[str], None] = lambda _: None) -> bytes:
    """Return a model at one width as an ONNX file, kept on disk."""
    return cached(
        {"kind": "onnx", "graph": GRAPH, "weights": source.card.sha256, "width": f"{width:g}"},
        {"torch": version_of("torch"), "napari-matae": version_of("napari-matae")},
        lambda: onnx_bytes(source.plain(width), source.card.grid),
        notify,
    )


def check_onnx(data: bytes, network: Network, grid: int) -> float:
    """Run an ONNX file by ONNX Runtime beside the network it was made of; return how far their logits are apart.

    Parameters
    ----------
    data
        The file.
    network
        The plain network.
    grid
        Side of its input; another size is tried too.

    Raises
    ------
    DeviceError
        If onnxruntime is not installed.
    ModelError
        If the file does not give what the network gives.
    """
    import numpy as np
    import torch

    try:
        import onnxruntime
    except ImportError:
        raise DeviceError(without_extra("onnx")) from None
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    apart = 0.0
    for frames, rows, columns in ((1, grid, grid), (3, grid, grid), (2, grid + network.divisor, grid)):
        given = random.random((frames, 1, rows, columns), dtype=np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(given)).numpy()
        found = session.run([OUTPUT], {INPUT: given})[0]
        if found.shape != expected.shape:
            raise ModelError(f"The ONNX file gives {found.shape} where the network gives {expected.shape}.")
        apart = max(apart, float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max()))))
    if not apart < _CLOSE:
        raise ModelError(
            f"The ONNX file gives other values than the network (apart by {apart:.2g}) and was not written; report it."
        )
    return apart
