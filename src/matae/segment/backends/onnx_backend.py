"""The network by ONNX Runtime, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import DeviceError
from matae.extras import without_extra
from matae.segment.backends.base import PacedBackend, as_input
from matae.segment.backends.onnx_file import INPUT, OUTPUT, onnx_of
from matae.threads import most_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from matae.segment.backends.source import ModelSource

__all__ = ["OnnxBackend", "letting_go", "session_of"]


class OnnxBackend(PacedBackend):
    """ONNX Runtime on the CPU (extra ``onnx``); PyTorch is needed the first time only.

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
        If ONNX Runtime is not installed.
    """

    name = "onnxruntime"

    def __init__(
        self,
        source: ModelSource,
        width: float,
        batch: int | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(len(source.card.classes), batch)
        _runtime()
        self._session = session_of(onnx_of(source, width, notify))

    def run_pass(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of one pass."""
        logits: NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: as_input(pictures)})[0]
        return logits


def session_of(data: bytes) -> Any:
    """Return an ONNX file made ready to run on the CPU.

    Raises
    ------
    DeviceError
        If ONNX Runtime is not installed.
    """
    onnxruntime = _runtime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = most_threads()
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    # For as long as it is loaded: its threads do not spin, and share with other programs.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])


def letting_go() -> Any:
    """Return the settings of a run after which a session gives back the memory that it took for it."""
    settings = _runtime().RunOptions()
    settings.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return settings


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise DeviceError(without_extra("onnx", "choose backend torch")) from None
    return onnxruntime
