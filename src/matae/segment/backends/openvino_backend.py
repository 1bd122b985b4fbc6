"""The network by OpenVINO, on the CPU."""

from __future__ import annotations

import io
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import DeviceError
from matae.extras import has_extra, without_extra
from matae.segment.backends.base import CPU_BATCH, PacedBackend, as_input
from matae.segment.backends.compiled import GRAPH, cached, forget, version_of
from matae.segment.backends.hardware import processor_name
from matae.segment.backends.onnx_file import onnx_of
from matae.threads import most_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from matae.segment.backends.source import ModelSource

__all__ = ["OpenVINOBackend"]


class OpenVINOBackend(PacedBackend):
    """OpenVINO on the CPU (extra ``cpu``); what it compiled is kept on disk.

    The frames of a pass run side by side, each on its share of the threads: threads that share a frame wait for each
    other at every layer, which costs processor time, the more the narrower the network (docs/speed.md).

    Parameters
    ----------
    source
        The model.
    width
        Width to run at.
    batch
        Frames a pass; as few as keep a pass short if None.
    notify
        Called with a sentence where what was kept of the model could not be used.

    Raises
    ------
    DeviceError
        If OpenVINO is not installed.
    """

    name = "openvino"

    def __init__(
        self,
        source: ModelSource,
        width: float,
        batch: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(len(source.card.classes), batch, lanes=min(most_threads(), CPU_BATCH))
        try:
            import openvino
        except ImportError:
            raise DeviceError(without_extra("cpu", "choose backend torch")) from None
        _make_tables()
        self._core, self._source, self._width, self._notify = openvino.Core(), source, width, notify
        self._requests: dict[int, list[Any]] = {}
        self._requests_for(source.card.grid)

    def run_pass(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of one pass."""
        images, requests = as_input(pictures), self._requests_for(pictures.shape[-1])
        logits = np.empty((len(images), self.classes, *images.shape[-2:]), np.float32)

        # Results are fetched here, not in a callback: an error in one of OpenVINO's own threads ends the process.
        def fetch(frame: int) -> None:
            request = requests[frame % self.lanes]
            request.wait()
            logits[frame] = request.get_output_tensor(0).data[0]

        for frame in range(len(images)):
            if frame >= self.lanes:
                fetch(frame - self.lanes)
            requests[frame % self.lanes].start_async({0: images[frame : frame + 1]})
        for frame in range(max(0, len(images) - self.lanes), len(images)):
            fetch(frame)
        return logits

    def _requests_for(self, grid: int) -> list[Any]:
        """Return a request a lane for a side of the input: with a fixed one OpenVINO plans its memory once."""
        if grid not in self._requests:
            compiled = self._read_or_made(grid)
            self._requests[grid] = [compiled.create_infer_request() for _ in range(self.lanes)]
        return self._requests[grid]

    def _read_or_made(self, grid: int) -> Any:
        core, width = self._core, self._width
        # For as long as it is loaded: its threads do not spin, and share with other programs.
        settings = {
            "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": most_threads(), "NUM_STREAMS": self.lanes,
        }  # fmt: skip
        of = {
            "kind": "openvino", "graph": GRAPH, "weights": self._source.card.sha256, "width": f"{width:g}",
            "grid": str(grid), "processor": processor_name(), "side by side": str(self.lanes),
        }  # fmt: skip
        by = {"openvino": version_of("openvino"), "napari-matae": version_of("napari-matae")}

        def compiled() -> bytes:
            made = core.compile_model(_converted(core, self._source, width, grid, self._notify), "CPU", settings)
            blob: bytes = made.export_model().getvalue()
            return blob

        try:
            return core.import_model(io.BytesIO(cached(of, by, compiled, self._notify)), "CPU", settings)
        except RuntimeError:  # sound on disk, and refused all the same: by a driver, or a library under it
            forget(of)
            return core.import_model(io.BytesIO(cached(of, by, compiled, self._notify)), "CPU", settings)


_one_at_a_time = threading.Lock()


def _make_tables() -> None:
    """Have OpenVINO's binding make its tables of number types now, in one thread.

    It makes each at its first use, as a static variable of C++, and lets go of Python's lock (GIL) in between: a second
    thread that comes then waits for the table with the lock in its hand, and no thread of the process goes on.
    """
    import openvino

    with _one_at_a_time:
        _ = openvino.Tensor(np.zeros(1, np.float32)).data


def _converted(core: Any, source: ModelSource, width: float, grid: int, notify: Callable[[str], None]) -> Any:
    """Return the network as OpenVINO's own; by way of ONNX where that is installed, which is several times quicker."""
    if has_extra("onnx"):
        model = core.read_model(io.BytesIO(onnx_of(source, width, notify)))
        model.reshape([-1, 1, grid, grid])
        return model
    import openvino
    import torch

    with warnings.catch_warnings(), torch.no_grad():
        # The tracer remarks on shapes it takes for constant; the sides of the grid are constant.
        warnings.simplefilter("ignore")
        return openvino.convert_model(
            source.plain(width).float(), example_input=torch.zeros(2, 1, grid, grid), input=[-1, 1, grid, grid]
        )
