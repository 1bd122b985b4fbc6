"""Which processor runs the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import DeviceError

if TYPE_CHECKING:
    import torch

__all__ = ["choose_device", "describe_device", "has_gpu"]


def has_gpu() -> bool:
    """Return whether a CUDA device is there."""
    import warnings

    import torch

    with warnings.catch_warnings():
        # A driver that is too old makes torch warn; the answer is then simply no.
        warnings.simplefilter("ignore")
        return bool(torch.cuda.is_available())


def choose_device(name: str) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda`` or ``cuda:i``.

    Raises
    ------
    DeviceError
        If the name is unknown or no such GPU is there.
    """
    import torch

    kind, _, index = name.partition(":")
    if kind not in {"auto", "cpu", "cuda"} or (index and (kind != "cuda" or not index.isdigit())):
        raise DeviceError(f"'{name}' is no device; choose auto, cpu, cuda or cuda:0.")
    if kind == "auto":
        return torch.device("cuda:0" if has_gpu() else "cpu")
    if kind == "cpu":
        return torch.device("cpu")
    number = int(index or 0)
    if not has_gpu():
        raise DeviceError("There is no CUDA GPU that PyTorch can use here; choose device auto or cpu.")
    if number >= torch.cuda.device_count():
        raise DeviceError(f"There is no GPU number {number}; this machine has {torch.cuda.device_count()}.")
    return torch.device("cuda", number)


def describe_device(device: torch.device) -> str:
    """Return the name people know a device by."""
    import torch

    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    return f"CPU ({torch.get_num_threads()} threads)"
