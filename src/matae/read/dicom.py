"""DICOM ultrasound: multi-frame clips and single images.

Millimetres and frame times are safety critical and follow `_ultrasound` and `_timing`. Nothing that names a
person, a date or an instance leaves this module.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from matae.cine import Cine
from matae.errors import ReadError
from matae.read._dicom_cut import is_cut_off
from matae.read._dicom_fragments import PixelElement, find_pixel_element, read_fragments
from matae.read._dicom_image import image_module
from matae.read._dicom_kinds import DICOMDIR_CLASS, other_than_cine
from matae.read._dicom_pixels import decode_frames, syntax_name
from matae.read._dicom_tags import floats, integer, number, raw, text
from matae.read._dicom_video import decode_video, is_video
from matae.read._formats import looks_like_bare_dicom, quiet, view_from_text
from matae.read._grey import doppler_facts
from matae.read._patient import dicom_day, dicom_patient
from matae.read._timing import dicom_timing
from matae.read._ultrasound import UltrasoundRegion, calibrate

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path
    from typing import Any

    from matae.read._dicom_image import ImageModule
    from matae.read._dicom_pixels import Decoded
    from matae.read._timing import Timing
    from matae.read._ultrasound import Calibration

__all__ = ["read_dicom", "stated_view"]

_SHAPE = " Each pixel is {:.4g} times as wide as it is high."
_DEFLATED = "1.2.840.10008.1.2.1.99"
_POINTED = {0x00181063: "FrameTime", 0x00181065: "FrameTimeVector", 0x00180040: "CineRate"}
# View codes of DICOM CID 12226 (Echocardiography Image View), in SNOMED CT and in SNOMED RT.
_VIEW_CODES = {
    "399214001": "A4C",
    "G-A19C": "A4C",
    "399232001": "A2C",
    "G-A19B": "A2C",
    "399139001": "PLAX",
    "G-0396": "PLAX",
}


def read_dicom(path: Path) -> Cine:
    """Read a DICOM ultrasound image or clip, with or without preamble and file extension.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Cine
        The frames that decode, with their tissue region, pixel size and frame times where the file states them
        without contradiction. `info` may hold "manufacturer", "model", "r_wave_times_ms", "colour_doppler" and
        "frame_rate_candidates".

    Raises
    ------
    ReadError
        If it is no DICOM image of ultrasound, or no frame decodes.
    """
    with quiet(), path.open("rb") as file:
        dataset, offset = _read_header(file, path.name)
        _refuse_other_images(path, dataset, offset)
        image = image_module(dataset, path.name)
        decoded, stream_rate = _decode(file, offset, dataset, image, path.name)
        if not decoded.kept:
            raise ReadError(_no_frames(path.name, dataset))
        timing = _timing(dataset, decoded, stream_rate)
        frames = decoded.frames.build()
        shape = (int(frames.shape[1]), int(frames.shape[2]))
        calibration = _calibration(dataset, shape)
        doppler = integer(dataset, "UltrasoundColorDataPresent") == 1 or decoded.colour.is_doppler(calibration.region)
        facts = _facts(dataset)
        patient, patient_note = dicom_patient(dataset)
        recorded = dicom_day(dataset)
        view, heart_rate = stated_view(dataset), number(dataset, "HeartRate")
    warnings, colour_info = doppler_facts(doppler=doppler)
    warnings += calibration.warnings
    if len(decoded.kept) < decoded.stated:
        truncated = (
            f"{len(decoded.kept)} of {decoded.stated} frames could be decoded; the file is truncated or damaged."
        )
        warnings = (truncated, *warnings)
    warnings += tuple(decoded.notes) + timing.warnings
    stretch = "" if image.aspect == 1 or calibration.spacing is not None else _SHAPE.format(image.aspect)
    return Cine(
        frames=frames,
        frame_times=timing.times if len(decoded.kept) > 1 else None,
        spacing=calibration.spacing,
        source=path,
        region=calibration.region,
        view=view,
        heart_rate=heart_rate if heart_rate is not None and 10 <= heart_rate <= 400 else None,
        timing_note=timing.note,
        spacing_note=calibration.note + stretch,
        warnings=warnings,
        info={**facts, **timing.info, **colour_info},
        patient=patient,
        patient_note=patient_note,
        recorded=recorded,
        regions=calibration.regions,
        sample_aspect=image.aspect,
    )


def _read_header(file: BufferedReader, name: str) -> tuple[Any, int]:
    """Read everything before the pixel data; return it with the place where they begin."""
    from pydicom import dcmread
    from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    head = file.read(132)
    if head[128:132] != b"DICM" and not looks_like_bare_dicom(head):
        raise ReadError(f"{name} is not a DICOM file, whatever its name says; choose the file the scanner exported.")
    file.seek(0)
    try:
        dataset = dcmread(file, stop_before_pixels=True, force=True)
        offset = file.tell()
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        if not syntax:
            implicit, little = dataset.original_encoding
            syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = UID(str(syntax))
    except Exception as error:
        raise ReadError(f"{name} is a damaged DICOM file; export the clip again from the archive.") from error
    return dataset, offset


def _decode(
    file: BufferedReader, offset: int, dataset: Any, image: ImageModule, name: str
) -> tuple[Decoded, float | None]:
    """Decode all frames; return them with the frame rate that a video states."""
    from pydicom import dcmread

    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax == _DEFLATED:  # compressed as a whole: there is no place in the file to start from
        file.seek(0)
        try:
            content = dcmread(file, force=True).get("PixelData", b"")
        except Exception as error:
            raise ReadError(f"{name} is a damaged DICOM file; export the clip again from the archive.") from error
        if not content:
            raise ReadError(f"{name} holds no pixel data; export the clip again from the archive.")
        element = PixelElement(io.BytesIO(content), 0, len(content), wrapped=False, vr="")
    else:
        implicit, little = dataset.original_encoding
        element = find_pixel_element(file, offset, implicit=bool(implicit), little=little is not False, name=name)
    if is_video(syntax) and element.wrapped:
        return decode_video(element, read_fragments(element), syntax, image.stated_frames, name)
    return decode_frames(element, dataset, image), None


def _no_frames(name: str, dataset: Any) -> str:
    syntax = dataset.file_meta.TransferSyntaxUID
    return (
        f"{name} holds no frames that decode (stored as {syntax_name(syntax)}); export the clip again from the "
        "archive, uncompressed or as JPEG."
    )


def _refuse_other_images(path: Path, dataset: Any, offset: int) -> None:
    if text(dataset.file_meta, "MediaStorageSOPClassUID") == DICOMDIR_CLASS:
        raise ReadError(f"{path.name} is the index of a DICOM medium, not a clip; open the folder it lies in.")
    if is_cut_off(dataset, offset, path.stat().st_size):
        raise ReadError(
            f"{path.name} is cut off within its header, as when a copy did not finish; copy it again, or export the "
            "clip again from the archive."
        )
    if (other := other_than_cine(dataset)) is not None:
        raise ReadError(f"{path.name} {other}")


def _timing(dataset: Any, decoded: Decoded, stream_rate: float | None) -> Timing:
    """Find the times of the frames that decoded; a vector may count those stated or those that are there."""
    stated = _stated_timing(dataset, decoded.stated, stream_rate)
    if stated.times is None and decoded.present != decoded.stated:
        there = _stated_timing(dataset, decoded.present, stream_rate)
        if there.times is not None:
            return there.kept(decoded.kept, decoded.present)
    return stated.kept(decoded.kept, decoded.stated)


def _stated_timing(dataset: Any, n_frames: int, stream_rate: float | None) -> Timing:
    pointer = raw(dataset, "FrameIncrementPointer")
    pointers = pointer if isinstance(pointer, (list, tuple)) or hasattr(pointer, "__iter__") else [pointer]
    named = (_POINTED.get(int(tag)) for tag in pointers if isinstance(tag, int))
    vector = raw(dataset, "FrameTimeVector")
    return dicom_timing(
        n_frames,
        pointer=next((name for name in named if name), None),
        frame_time_vector=None if vector is None else floats(vector),
        frame_time=number(dataset, "FrameTime"),
        cine_rate=number(dataset, "CineRate"),
        recommended_rate=number(dataset, "RecommendedDisplayFrameRate"),
        actual_duration=number(dataset, "ActualFrameDuration"),
        stream_rate=stream_rate,
    )


def _calibration(dataset: Any, shape: tuple[int, int]) -> Calibration:
    regions = [
        UltrasoundRegion(
            spatial_format=integer(item, "RegionSpatialFormat"),
            data_type=integer(item, "RegionDataType"),
            x0=integer(item, "RegionLocationMinX0"),
            y0=integer(item, "RegionLocationMinY0"),
            x1=integer(item, "RegionLocationMaxX1"),
            y1=integer(item, "RegionLocationMaxY1"),
            units_x=integer(item, "PhysicalUnitsXDirection"),
            units_y=integer(item, "PhysicalUnitsYDirection"),
            delta_x=number(item, "PhysicalDeltaX"),
            delta_y=number(item, "PhysicalDeltaY"),
        )
        for item in raw(dataset, "SequenceOfUltrasoundRegions") or ()
    ]
    spacing = raw(dataset, "PixelSpacing")
    values = [] if spacing is None else floats(spacing)
    return calibrate(
        regions,
        shape,
        pixel_spacing=(values[0], values[1]) if len(values) == 2 else None,
        calibration_type=text(dataset, "PixelSpacingCalibrationType") or None,
    )


def stated_view(dataset: Any) -> str | None:
    """Return the standard view that a header states, by its code or its name, or None."""
    for item in raw(dataset, "ViewCodeSequence") or ():
        view = _VIEW_CODES.get(text(item, "CodeValue")) or view_from_text(text(item, "CodeMeaning"))
        if view:
            return view
    return view_from_text(text(dataset, "ViewName")) or view_from_text(text(dataset, "StageName"))


def _facts(dataset: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for key, keyword in (("manufacturer", "Manufacturer"), ("model", "ManufacturerModelName")):
        if value := text(dataset, keyword):
            facts[key] = value
    waves = raw(dataset, "RWaveTimeVector")
    if waves is not None and (times := [time for time in floats(waves) if math.isfinite(time)]):
        facts["r_wave_times_ms"] = times
    # Volumes are indexed by these. PatientSize is in metres, PatientWeight in kilograms (PS3.3 C.7.2.2).
    if (sex := {"F": "female", "M": "male"}.get(text(dataset, "PatientSex").upper())) is not None:
        facts["sex"] = sex
    for key, keyword, factor in (("height_cm", "PatientSize", 100.0), ("weight_kg", "PatientWeight", 1.0)):
        if (size := number(dataset, keyword)) is not None and math.isfinite(size) and size > 0:
            facts[key] = round(size * factor, 1)
    return facts
