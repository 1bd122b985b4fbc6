"""Which runtime, by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import DeviceError
from matae.extras import has_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from matae.segment.backends.base import Backend
    from matae.segment.backends.source import ModelSource

__all__ = ["BACKENDS", "choose_backend", "installed_backends"]

BACKENDS = ("auto", "torch", "openvino", "onnxruntime")
_EXTRAS = {"openvino": "cpu", "onnxruntime": "onnx"}


def installed_backends() -> tuple[str, ...]:
    """Return the runtimes for the CPU that are installed."""
    return ("torch", *(name for name, extra in _EXTRAS.items() if has_extra(extra)))


def choose_backend(
    name: str,
    source: ModelSource,
    width: float,
    *,
    device: torch.device | None = None,
    batch: int | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> Backend:
    """Return the runtime called ``torch``, ``openvino`` or ``onnxruntime``, ready to run.

    Parameters
    ----------
    name
        One of `BACKENDS`; ``auto`` is PyTorch, unless `matae.segment.speedy` measured before.
    source
        The model.
    width
        One of its widths.
    device
        Where to run; the CPU if None. The others than PyTorch run there alone.
    batch
        Frames a pass; the runtime's own choice if None.
    notify
        Called with a sentence for the person.

    Raises
    ------
    DeviceError
        If the name is unknown, or a runtime for the CPU is asked for on a GPU or is not installed.
    """
    if name not in BACKENDS:
        raise DeviceError(f"'{name}' is no backend; choose {', '.join(BACKENDS)}.")
    if name not in _EXTRAS:
        from matae.segment.backends.torch_backend import TorchBackend

        return TorchBackend(source, width, device, batch, notify)
    if device is not None and device.type != "cpu":
        raise DeviceError(f"The {name} backend runs on the CPU; choose device cpu or backend torch.")
    if name == "onnxruntime":
        from matae.segment.backends.onnx_backend import OnnxBackend

        return OnnxBackend(source, width, batch, notify)
    from matae.segment.backends.openvino_backend import OpenVINOBackend

    return OpenVINOBackend(source, width, batch, notify)
