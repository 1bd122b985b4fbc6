"""Which runtime, by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import DeviceError
from matae.extras import has_extra
from matae.segment.notices import say_once

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from matae.segment.backends.base import Backend
    from matae.segment.backends.source import ModelSource

__all__ = ["BACKENDS", "check_backend", "choose_backend", "installed_backends"]

BACKENDS = ("auto", "torch", "openvino", "onnxruntime")
_EXTRAS = {"openvino": "cpu", "onnxruntime": "onnx"}


def installed_backends() -> tuple[str, ...]:
    """Return the runtimes for the CPU that are installed."""
    return ("torch", *(name for name, extra in _EXTRAS.items() if has_extra(extra)))


def check_backend(name: str, *, on_gpu: bool) -> None:
    """Refuse what is no backend, or cannot run where it is to run.

    Parameters
    ----------
    name
        What was asked for.
    on_gpu
        Whether it is to run on a GPU.

    Raises
    ------
    DeviceError
        If the name is unknown, or a runtime for the CPU is asked for on a GPU.
    """
    if name not in BACKENDS:
        raise DeviceError(f"'{name}' is no backend; choose {', '.join(BACKENDS)}.")
    if on_gpu and name in _EXTRAS:
        raise DeviceError(f"The {name} backend runs on the CPU; choose device cpu or backend torch.")


def choose_backend(
    name: str,
    source: ModelSource,
    width: float,
    *,
    device: torch.device | None = None,
    batch: int | None = None,
    notify: Callable[[str], None] = lambda _: None,
    remade: Callable[[str], None] = say_once,
) -> Backend:
    """Return the runtime called ``torch``, ``openvino`` or ``onnxruntime``, ready to run.

    Parameters
    ----------
    name
        One of `BACKENDS`; ``auto`` is PyTorch here, `matae.segment.auto` knows better.
    source
        The model.
    width
        One of its widths.
    device
        Where to run; the CPU if None. The others than PyTorch run there alone.
    batch
        Frames a pass; the runtime's own choice if None.
    notify
        Called with a sentence of what it has to make do with.
    remade
        Called with a sentence of what was kept on disk and had to be made anew: it is as good as ever.

    Raises
    ------
    DeviceError
        If the name is unknown, or a runtime for the CPU is asked for on a GPU or is not installed.
    """
    check_backend(name, on_gpu=device is not None and device.type != "cpu")
    if name not in _EXTRAS:
        from matae.segment.backends.torch_backend import TorchBackend

        return TorchBackend(source, width, device, batch, notify)
    if name == "onnxruntime":
        from matae.segment.backends.onnx_backend import OnnxBackend

        return OnnxBackend(source, width, batch, remade)
    from matae.segment.backends.openvino_backend import OpenVINOBackend

    return OpenVINOBackend(source, width, batch, remade)
