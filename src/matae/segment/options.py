"""How to segment: which network, how much of it, and where it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from matae.option import Option

__all__ = ["SegmentOptions"]


def _in_use() -> str:
    from matae.models import current_model

    return current_model()


@dataclass(frozen=True)
class SegmentOptions:
    """How to segment; the same defaults behind the dock and the command line.

    Parameters
    ----------
    model
        Name in the registry; the model in use if not given.
    width
        ``1/8``, ``1/4``, ``1/2``, ``1``, or ``auto``: 1 on a GPU, else the largest that keeps up with the clip on this
        computer, see `matae.segment.auto`.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:i`` or ``mps``.
    backend
        ``auto`` (the quickest on this computer), ``torch``, ``openvino`` or ``onnxruntime``.
    grid
        Side of the square that pictures are scaled to: ``auto`` (the model's own, or for pictures of few pixels a
        smaller one that its card names), ``own``, or a number.
    rate
        Frames a second that ``auto`` must reach; the clip's own if None.
    """

    model: Annotated[str, Option("Model to run; see 'models list'.", metavar="NAME")] = field(default_factory=_in_use)
    width: Annotated[
        str,
        Option(
            "Share of the network to run: narrower is faster. auto: 1 on a GPU, else the largest that keeps up with "
            "the clip on this computer, by measurement.",
            metavar="1/8|1/4|1/2|1|auto",
        ),
    ] = "auto"
    device: Annotated[
        str,
        Option(
            "Where to run; auto takes the GPU if there is one.",
            metavar="auto|cpu|cuda[:i]|mps",
            choices={name: name for name in ("auto", "cpu", "cuda")},
        ),
    ] = "auto"
    backend: Annotated[
        str,
        Option(
            "Runtime of the network. auto: the quickest on this computer.",
            choices={name: name for name in ("auto", "torch", "openvino", "onnxruntime")},
        ),
    ] = "auto"
    grid: Annotated[
        str,
        Option(
            "Side of the square that pictures are scaled to. auto: the model's own, or a smaller one that its card "
            "names for pictures of so few pixels. own: the model's own.",
            metavar="auto|own|PIXELS",
        ),
    ] = "auto"
    rate: Annotated[
        float | None,
        Option(
            "Frames a second that auto must reach; the clip's own rate if left out.",
            flag="--keep-up",
            metavar="HZ",
            unit="Hz",
            least=0.1,
            most=100_000,
        ),
    ] = None
