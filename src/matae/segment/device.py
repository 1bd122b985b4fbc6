"""Which processor runs the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import DeviceError

if TYPE_CHECKING:
    import torch

__all__ = [
    "choose_device", "describe_cpu", "describe_device", "free_cache", "has_gpu", "has_mps", "names_one_gpu",
    "parse_device",
]  # fmt: skip


def has_gpu() -> bool:
    """Return whether a CUDA device is there."""
    import warnings

    import torch

    with warnings.catch_warnings():
        # A driver that is too old makes torch warn; the answer is then simply no.
        warnings.simplefilter("ignore")
        return bool(torch.cuda.is_available())


def has_mps() -> bool:
    """Return whether the GPU of an Apple computer is there."""
    import torch

    return bool(torch.backends.mps.is_available())


def parse_device(name: str) -> tuple[str, int]:
    """Return the kind (``auto``, ``cpu``, ``cuda``, ``mps``) and number of a device, whether it is there or not.

    Raises
    ------
    DeviceError
        If nothing is called so.
    """
    kind, colon, index = name.partition(":")
    if kind not in {"auto", "cpu", "cuda", "mps"} or (
        colon and not (kind == "cuda" and index.isascii() and index.isdigit())
    ):
        raise DeviceError(f"'{name}' is no device; choose auto, cpu, cuda, cuda:0 or mps.")
    return kind, int(index or 0)


def names_one_gpu(name: str) -> bool:
    """Return whether a device is one certain GPU, as ``cuda:1`` is."""
    return ":" in name


def choose_device(name: str, *, training: bool = False) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda``, ``cuda:i`` or ``mps``.

    Parameters
    ----------
    name
        ``auto`` is a CUDA GPU, else the GPU of an Apple computer, else the CPU.
    training
        Whether it is to train: then ``auto`` is no Apple GPU, which lacks operations of the training that nothing can
        take over in the midst of a step.

    Raises
    ------
    DeviceError
        If the name is unknown or no such GPU is there.
    """
    import torch

    kind, number = parse_device(name)
    if kind == "auto":
        if has_gpu():
            return torch.device("cuda:0")
        return torch.device("mps" if has_mps() and not training else "cpu")
    if kind == "cpu":
        return torch.device("cpu")
    if kind == "mps":
        if not has_mps():
            raise DeviceError("There is no Apple GPU that PyTorch can use here; choose device auto or cpu.")
        return torch.device("mps")
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
    if device.type == "mps":
        return "Apple GPU (mps)"
    return describe_cpu(torch.get_num_threads())


def describe_cpu(threads: int) -> str:
    """Return the name people know the processor by, as far as it works for a network."""
    return f"CPU ({threads} thread{'' if threads == 1 else 's'})"


def free_cache(device: torch.device) -> None:
    """Give back the memory of a GPU that nothing uses any more."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
