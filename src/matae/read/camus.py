"""CAMUS folders, as NIfTI (the present release) and as MetaImage (the older one).

``patientNNNN/patientNNNN_4CH_ED.nii.gz`` and the like, with ``Info_4CH.cfg`` beside them. Reference masks
(``_gt``) are never listed. S. Leclerc et al., IEEE TMI 38(9):2198-2210, 2019, doi 10.1109/TMI.2019.2900516.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._formats import SUFFIXES, file_stem, full_suffix, natural_key
from matae.read._patient import data_set_patient
from matae.read._timing import rates_agree, uniform
from matae.read.volume import read_volume

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine

__all__ = ["camus_files", "camus_info", "camus_labels", "is_camus_file", "read_camus"]

_NAME = re.compile(r"(?P<patient>patient\d+)_(?P<view>[24])CH_(?P<what>ED|ES|half_sequence|sequence)")
_ORDER = ("half_sequence", "sequence", "ED", "ES")


def is_camus_file(path: Path) -> bool:
    """Say whether the name is that of a CAMUS image (a mask is none)."""
    return _NAME.fullmatch(file_stem(path)) is not None and SUFFIXES.get(full_suffix(path)) == "volume"


def camus_files(folder: Path) -> list[Path]:
    """Return the images of a CAMUS folder: of one patient, or of all patients one or two folders down.

    Ordered by patient, then two- before four-chamber view, then sequence, end-diastole, end-systole. Empty when
    `folder` is no CAMUS folder.
    """
    for pattern in ("*_?CH_*", "patient*/*_?CH_*", "*/patient*/*_?CH_*"):
        files = [path for path in folder.glob(pattern) if is_camus_file(path)]
        if files:
            return sorted(files, key=_sort_key)
    return []


def camus_info(path: Path) -> dict[str, Any]:
    """Return what the file name and the patient's cfg say, without opening the image.

    Keys: "patient" (pseudonym), "view", "phase" ("ED", "ES" or "sequence"), and where the cfg has them
    "image_quality", "reference_ef" (percent), "reference_edv_ml", "reference_esv_ml", "frame_rate_hz",
    "ed_frame" and "es_frame" (0-based, in the sequence).
    """
    match = _NAME.fullmatch(file_stem(path))
    if match is None:
        raise ReadError(f"{path.name} is not named like a CAMUS image; open it as an ordinary file.")
    view = f"A{match['view']}C"
    phase = match["what"] if match["what"] in ("ED", "ES") else "sequence"
    info: dict[str, Any] = {"patient": match["patient"], "view": view, "phase": phase}
    cfg = _read_cfg(path.parent / f"Info_{match['view']}CH.cfg")
    if quality := cfg.get("imagequality"):
        info["image_quality"] = quality
    for key, names in (
        ("reference_ef", ("ef", "lvef")),
        ("reference_edv_ml", ("lvedv",)),
        ("reference_esv_ml", ("lvesv",)),
        ("frame_rate_hz", ("framerate",)),
        ("ed_frame", ("ed",)),
        ("es_frame", ("es",)),
    ):
        for name in names:
            try:
                value = float(cfg[name])
            except (KeyError, ValueError):
                continue
            info[key] = int(value) - 1 if key.endswith("_frame") else value
            break
    return info


def camus_labels(path: Path) -> Path | None:
    """Return the reference mask of a CAMUS image, or None when there is none beside it."""
    suffix = path.name[len(file_stem(path)) :]
    labels = path.with_name(f"{file_stem(path)}_gt{suffix}")
    return labels if labels.is_file() else None


def read_camus(path: Path) -> Cine:
    """Read one CAMUS image or sequence with what its cfg states.

    Parameters
    ----------
    path
        The image (``.nii.gz``, ``.nii`` or ``.mhd``).

    Returns
    -------
    Cine
        With view, end-diastolic and end-systolic frame (the cfg counts from 1), frame times where the cfg states
        a frame rate, and the facts of `camus_info` in `info`.

    Raises
    ------
    ReadError
        If the image cannot be read.
    """
    facts = camus_info(path)
    # The third axis of a sequence has a spacing in mm, but it is time.
    cine = read_volume(path, third_axis_is_time=True)
    ed, es = facts.pop("ed_frame", None), facts.pop("es_frame", None)
    view, rate = facts.pop("view"), facts.get("frame_rate_hz")
    warnings = cine.warnings
    if facts["phase"] == "sequence":
        if not all(frame is None or 0 <= frame < cine.n_frames for frame in (ed, es)):
            warnings += (f"The cfg puts ED or ES outside the {cine.n_frames} frames; they are left open.",)
            ed = es = None
    else:
        ed, es = (0 if facts["phase"] == phase else None for phase in ("ED", "ES"))
    # The name alone makes no data set: the patient's folder, or the cfg beside the image, does.
    in_data_set = path.parent.name == facts["patient"] or "image_quality" in facts
    patient, note = data_set_patient(facts["patient"] if in_data_set else "")
    timing = uniform(cine.n_frames, rate, "FrameRate in the cfg" if rate else "the cfg has no FrameRate")
    if cine.frame_rate and rate and not rates_agree(cine.frame_rate, rate):
        warnings += (f"The header means {cine.frame_rate:.4g} Hz; the cfg's {rate:.4g} Hz is used.",)
    return replace(
        cine,
        view=view,
        ed_frame=ed,
        es_frame=es,
        frame_times=timing.times,
        timing_note=timing.note,
        warnings=warnings,
        info={**cine.info, **timing.info, **facts},
        patient=patient,
        patient_note=note,
    )


def _read_cfg(path: Path) -> dict[str, str]:
    """Return ``Key: value`` lines with lower-case keys; empty when the file is missing or unreadable."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key.strip().lower(): value.strip() for key, colon, value in pairs if colon and value.strip()}


def _sort_key(path: Path) -> tuple[Any, ...]:
    match = _NAME.fullmatch(file_stem(path))
    view, what = (match["view"], match["what"]) if match else ("", "ED")
    return natural_key(path.parent), view, _ORDER.index(what), path.name
