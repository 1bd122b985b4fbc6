"""What this computer is, as far as speed depends on it; without asking a network's runtime."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from pathlib import Path

__all__ = ["fingerprint", "may_have_gpu", "processor_name"]


@cache
def processor_name() -> str:
    """Return what the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in {"model name", "Hardware", "cpu model"}:
                return f"{platform.machine()} {value.strip()} {_instructions()}".strip()
    except OSError:
        pass
    return f"{platform.machine()} {platform.processor()}".strip()


def _instructions() -> str:
    """Return which of the instructions that networks are compiled to there are."""
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "asimddp", "bf16", "sve")
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    flags = next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())
    return "+".join(name for name in known if name in flags)


def fingerprint() -> dict[str, str]:
    """Return what a measurement of speed holds for: the processor, and how many of them this process may use."""
    from matae.segment.backends.compiled import version_of
    from matae.threads import processors

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "processors": str(processors()),
        "threads": os.environ.get("MATAE_THREADS", "") or os.environ.get("OMP_NUM_THREADS", ""),
        **{name: version_of(name) for name in ("torch", "openvino", "onnxruntime", "napari-matae")},
    }


@cache
def may_have_gpu() -> bool:
    """Return whether it is worth asking PyTorch for a GPU: whether a driver of one is there.

    Loading PyTorch takes longer than segmenting a clip; a computer without a driver need not load it for the answer.
    """
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if Path("/dev/kfd").exists():  # AMD
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
