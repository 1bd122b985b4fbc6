"""A measurement as the DICOM objects that go to an archive, under one roof for the command line and the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matae.measure import Measurement

    Kind = Literal["sr", "seg", "pdf"]

__all__ = ["write_objects"]


def write_objects(
    measurement: Measurement, source: Any, outputs: Mapping[Kind, Path], *, keep_margins: bool = False
) -> None:
    """Write the objects that are asked for.

    Parameters
    ----------
    measurement
        What was measured.
    source
        The header of its clip, as `matae.clinic.read_source` gives it.
    outputs
        File by kind: ``sr`` the structured report, ``seg`` the masks, ``pdf`` the page of the report.
    keep_margins
        Of the page, as for `matae.measure.report.write_report`.

    Raises
    ------
    MataeError
        If one cannot be made or written.
    """
    from matae.clinic.document import make_document
    from matae.clinic.report import make_report
    from matae.clinic.segmentation import make_segmentation
    from matae.clinic.source import algorithm_of, write_dicom

    algorithm = algorithm_of(measurement.model, measurement.width)
    for kind, path in outputs.items():
        if kind == "sr":
            made = make_report(measurement, source, algorithm)
        elif kind == "seg":
            made = make_segmentation(measurement.inputs.masks, source, algorithm)
        else:
            made = make_document(measurement, source, keep_margins=keep_margins)
        write_dicom(path, made)
