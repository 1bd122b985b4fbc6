"""The type a device computes fastest in, and when its memory ran out or it is gone. Importing this imports torch."""

from __future__ import annotations

import torch

__all__ = ["fast_bf16", "has_bf16", "is_gone", "is_of_cudnn", "is_out_of_memory", "reduced_precision"]

_AMPERE = 8  # the first compute capability with bf16

# How torch and the libraries under it say it where they do not raise torch.OutOfMemoryError: the driver (also for
# memory that is to be pinned), cuBLAS, cuDNN, torch on the CPU of Linux and of Windows.
_OUT_OF_MEMORY = (
    "out of memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "allocation_failed",  # cuDNN 9 puts host or device before it
    "allocate memory",
    "not enough memory",
    "pin memory",
    "pin_memory",
)

# How the CUDA driver says that a GPU fell off the bus, was reset or taken away (errors 46, 100, 214, 719, 999).
_GONE = (
    "no cuda-capable device",
    "busy or unavailable",
    "uncorrectable ecc",
    "unspecified launch failure",
    "cuda error: unknown error",
    "gpu is lost",
    "device lost",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on the GPU or the CPU, in whatever words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _OUT_OF_MEMORY)


def is_gone(error: BaseException) -> bool:
    """Return whether an error says that the GPU is not there any more."""
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _GONE)


def is_of_cudnn(error: BaseException) -> bool:
    """Return whether an error says that cuDNN cannot compute a convolution as it was asked to."""
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("cudnn" in said or "unable to find an engine" in said)


def reduced_precision(device: torch.device) -> torch.dtype:
    """Return the type a device segments fastest in: fp16 on CUDA, bf16 on a processor that has it, fp32 elsewhere.

    On an H100 fp16 was within 0.013 of fp32's probabilities where bf16 was within 0.076 (docs/gpu.md): its fraction has
    three more bits. What its smaller range cannot hold is noticed, and such a network runs in fp32.
    """
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if has_bf16(device) else torch.float32


def has_bf16(device: torch.device) -> bool:
    """Return whether a device computes in bf16 itself; emulated, it is slower than what it stands for."""
    if device.type == "cpu":
        return fast_bf16()
    if device.type != "cuda":
        return False
    # Of this very device: torch.cuda.is_bf16_supported answers for the current one, which may be another.
    return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= _AMPERE


def fast_bf16() -> bool:
    """Return whether the processor computes in bf16; where it does not, bf16 is emulated and slower than fp32."""
    try:
        capabilities = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):  # torch before 2.6, or a processor it does not know
        return False
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
