"""One width of a model as an ONNX file of its own, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from matae.errors import ModelError
from matae.files import write_atomic, writing_to
from matae.nn.widths import format_width
from matae.segment.backends.onnx_file import check_onnx, onnx_bytes

if TYPE_CHECKING:
    from matae.nn.card import ModelCard

__all__ = ["Exported", "export_onnx"]


class Exported(NamedTuple):
    """What was written.

    Parameters
    ----------
    name
        Of the model.
    width
        As people write it.
    apart
        Largest difference of the logits from PyTorch's, of their range.
    """

    name: str
    width: str
    apart: float


def export_onnx(source: str, out: Path, width: float | None = None) -> Exported:
    """Write one width of a model as an ONNX file, checked by ONNX Runtime beside PyTorch.

    The file states how its input is made (crop, grid, range), its classes, its licence and what it was trained on.

    Parameters
    ----------
    source
        Name of a model on this machine, or a model folder.
    out
        File to write, ``.onnx``.
    width
        One of the model's; the widest if None.

    Returns
    -------
    Exported
        What was written.

    Raises
    ------
    ModelError
        If the model is unknown, damaged or has no such width, or `out` is there already or no ``.onnx``.
    DeviceError
        If ONNX is not installed.
    OutputError
        If it cannot be written.
    """
    from matae.models import find_model
    from matae.nn.checkpoint import load

    if out.suffix.lower() != ".onnx":
        raise ModelError(f"{out.name} is no name of an ONNX file; give --out a name that ends with .onnx.")
    if out.exists():
        raise ModelError(f"{out} is there already; choose another --out.")
    path = Path(source)
    network, card = load(path if (path / "card.json").is_file() else find_model(source).folder)
    width = max(card.widths) if width is None else width
    plain = network.plain(width).eval()
    data = onnx_bytes(plain, card.grid)
    apart = check_onnx(data, plain, card.grid)
    with writing_to(out.absolute().parent):
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out, _described(data, card, width))
    return Exported(card.name, format_width(width), apart)


def _described(data: bytes, card: ModelCard, width: float) -> bytes:
    """Return the file with what one must know to use it."""
    import json

    import onnx

    model = onnx.load_model_from_string(data)
    facts = {
        "model": card.name, "width": format_width(width), "weights_sha256": card.sha256, "grid": str(card.grid),
        "classes": json.dumps(list(card.classes)), "preprocessing": json.dumps(card.preprocessing),
        "licence": card.licence, "data": card.data, "citation": card.citation, "research_use": card.research_use,
    }  # fmt: skip
    onnx.helper.set_model_props(model, facts)
    described: bytes = model.SerializeToString()
    return described
