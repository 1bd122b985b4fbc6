"""EchoNet-Dynamic folders: ``FileList.csv`` beside ``Videos/*.avi``.

Every clip is an apical four-chamber view. D. Ouyang et al., Nature 580:252-256, 2020.
"""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._patient import data_set_patient
from matae.read._timing import no_timing, rates_agree, uniform
from matae.read.video import read_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine

__all__ = ["echonet_clips", "echonet_info", "is_echonet", "read_echonet"]

_LIST, _VIDEOS = "FileList.csv", "Videos"


def is_echonet(folder: Path) -> bool:
    """Say whether `folder` is laid out like EchoNet-Dynamic."""
    return (folder / _LIST).is_file() and (folder / _VIDEOS).is_dir()


def echonet_clips(folder: Path) -> dict[Path, dict[str, Any]]:
    """Return the videos of the list that are there, with what the list says of each.

    Parameters
    ----------
    folder
        The folder that holds ``FileList.csv``.

    Returns
    -------
    dict
        Video path to facts: "patient" (the pseudonymous file name), "split" ("train", "val" or "test"),
        "reference_ef" (percent), "reference_edv_ml", "reference_esv_ml", "frame_rate_hz", "stated_frames".
        A figure that is missing or no number is left out.

    Raises
    ------
    ReadError
        If the list cannot be read or has no ``FileName`` column.
    """
    path = folder / _LIST
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or ()
            listed = list(rows)
    except (OSError, csv.Error) as error:
        raise ReadError(f"{path.name} cannot be read as a table; copy it again from the data set.") from error
    if "FileName" not in names:
        raise ReadError(f"{path.name} has no FileName column; copy it again from the data set.")
    # A copy that went over another system may have other capitals than the list.
    there = {video.name.lower(): video for video in (folder / _VIDEOS).iterdir()}
    clips = {}
    for row in listed:
        name = (row["FileName"] or "").strip()
        video = there.get(name.lower()) or there.get(f"{name.lower()}.avi")
        if name and video is not None:
            clips[video] = _facts(row, video)
    return clips


def echonet_info(
    video: Path, clips: Callable[[Path], dict[Path, dict[str, Any]]] = echonet_clips
) -> dict[str, Any] | None:
    """Return what the list says of one video, or None when the video lies in no EchoNet-Dynamic folder.

    Parameters
    ----------
    video
        The file.
    clips
        `echonet_clips`, or a caller's memory of it: ten thousand videos share one list.
    """
    folder = video.parent.parent
    if video.parent.name != _VIDEOS or not is_echonet(folder):
        return None
    return clips(folder).get(video)


def read_echonet(video: Path, facts: dict[str, Any] | None = None) -> Cine:
    """Read one EchoNet-Dynamic clip with what ``FileList.csv`` says of it.

    The size is that of the decoded frames: the list is wrong for six clips.

    Parameters
    ----------
    video
        The file below ``Videos/``.
    facts
        Its row as `echonet_clips` gives it; looked up when absent.

    Raises
    ------
    ReadError
        If the video cannot be read.
    """
    known = dict(facts or echonet_info(video) or {})
    cine = read_video(video)
    rate, stated = known.get("frame_rate_hz"), known.pop("stated_frames", None)
    warnings = cine.warnings
    if stated is not None and cine.n_frames < stated and not warnings:
        warnings += (f"{cine.n_frames} of {stated} frames could be decoded; the file is truncated or damaged.",)
    times, note, info = cine.frame_times, cine.timing_note, dict(cine.info)
    if rate is not None:
        timing = uniform(cine.n_frames, rate, "FPS in FileList.csv")
        if cine.frame_rate is not None and not rates_agree(cine.frame_rate, rate, slack=0.5):
            timing = no_timing(
                f"The video says {cine.frame_rate:.4g} Hz and FileList.csv {rate:.4g} Hz",
                {"video": cine.frame_rate, "FileList.csv": rate},
            )
        if cine.frame_rate is None or timing.times is None:
            times, note = timing.times, timing.note
            info.update(timing.info)
    patient, patient_note = data_set_patient(str(known.get("patient", "")))
    return replace(
        cine,
        frame_times=times,
        timing_note=note,
        view="A4C",
        warnings=warnings,
        info={**info, **known},
        patient=patient,
        patient_note=patient_note,
    )


def _facts(row: dict[str, Any], video: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {"patient": video.stem}
    if split := (row.get("Split") or "").strip().lower():
        facts["split"] = split
    for key, column in (
        ("reference_ef", "EF"),
        ("reference_edv_ml", "EDV"),
        ("reference_esv_ml", "ESV"),
        ("frame_rate_hz", "FPS"),
        ("stated_frames", "NumberOfFrames"),
    ):
        try:
            value = float(row.get(column) or "")
        except ValueError:
            continue
        if math.isfinite(value):
            facts[key] = int(value) if key == "stated_frames" else value
    return facts
