"""Which processor runs the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import DeviceError

if TYPE_CHECKING:
    import torch

__all__ = ["choose_device", "describe_device", "has_gpu", "parse_device"]


def has_gpu() -> bool:
    """Return whether a CUDA device is there."""
    import warnings

    import torch

    with warnings.catch_warnings():
        # A driver that is too old makes torch warn; the answer is then simply no.
        warnings.simplefilter("ignore")
        return bool(torch.cuda.is_available())


def parse_device(name: str) -> tuple[str, int]:
    """Return the kind (``auto``, ``cpu``, ``cuda``) and number of a device; whether it is there is not looked at.

    Raises
    ------
    DeviceError
        If nothing is called so.
    """
    kind, colon, index = name.partition(":")
    if kind not in {"auto", "cpu", "cuda"} or (colon and not (kind == "cuda" and index.isascii() and index.isdigit())):
        raise DeviceError(f"'{name}' is no device; choose auto, cpu, cuda or cuda:0.")
    return kind, int(index or 0)


def choose_device(name: str) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda`` or ``cuda:i``.

    Raises
    ------
    DeviceError
        If the name is unknown or no such GPU is there.
    """
    import torch

    kind, number = parse_device(name)
    if kind == "auto":
        return torch.device("cuda:0" if has_gpu() else "cpu")
    if kind == "cpu":
        return torch.device("cpu")
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
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'' if threads == 1 else 's'})"
