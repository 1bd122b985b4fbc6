"""Running an export: written beside its place, whole or not at all, then renamed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.anatomy import CAVITY, class_name
from matae.errors import ExchangeError
from matae.exchange.clip import ExportClip, Label, Progress
from matae.exchange.export.deidentify_pixels import blanking
from matae.exchange.export.findings import leaving
from matae.exchange.export.source import open_stored
from matae.exchange.placing import placement_to_json
from matae.exchange.provenance import provenance_of
from matae.exchange.registry import make_writer
from matae.exchange.release import MANIFEST, ExportedRelease, dump_manifest, list_files, manifest_head, state_digest
from matae.files import staged, writing_to

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.exchange.export.plan_record import ExportPlan, PlannedClip
    from matae.exchange.provenance import Provenance
    from matae.store import FrameInfo, Study

__all__ = ["run_export"]

_REPORT_SECONDS = 0.1


class _Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """Carries a request to stop out of a writer."""


def run_export(
    plan: ExportPlan,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    *,
    looked: bool = False,
) -> ExportedRelease:
    """Write an export.

    Parameters
    ----------
    plan
        As `plan_export` made it, and as the person saw it.
    out
        The folder to make; it must not be there, or be empty.
    progress, should_stop
        Told how far it is, with the time left; asked whether to stop.
    looked
        A person has looked at the findings that ask for it (text burned in, nothing blanked) and lets the data go.

    Returns
    -------
    Release
        Its number counts up when the labels or options differ from the last release of that name, and stays when they
        do not: then every byte is the same as well.

    Raises
    ------
    ExchangeError
        If a finding was not looked at, the labels changed since, there is no space, or `should_stop` said so. Nothing
        is left behind.
    OutputError
        If the folder cannot be written.
    """
    if plan.needs_look and not looked:
        first = next(finding for finding in plan.findings if finding.needs_look)
        raise ExchangeError(f"{first.sentence} Nothing was exported: look at the preview first, then say that you did.")
    study = plan.study
    _check_place(out, plan.bytes_needed)
    sides = study.assign_splits()
    if any(
        sides.get(clip.subject) != clip.split or study.cine(clip.content_id).known_subject != clip.subject
        for clip in plan.clips
    ):
        raise ExchangeError("The patients of the study changed since the preview; look at it again, then export.")
    ticker = _Ticker(plan.n_frames, progress, should_stop)
    with writing_to(out.parent), staged(out.parent) as stage:
        stage.chmod(0o755)  # kept to ourselves as it is made; an export is to be shared
        try:
            entries, writer = _write(plan, stage, ticker)
            ticker.say("Checking files")
            manifest, is_new = _manifest(plan, stage, entries, getattr(writer, "names", {}))
        except _Stopped:
            raise ExchangeError("Stopped; nothing was exported and nothing is left behind.") from None
        if is_new:
            _remember(plan, study, manifest)
        path = stage / MANIFEST
        with path.open("wb") as file:
            file.write(dump_manifest(manifest))
            file.flush()
            os.fsync(file.fileno())
        if out.exists():
            out.rmdir()  # an empty folder somebody made; Windows does not rename over it
        stage.rename(out)
    release = manifest["release"]
    ticker.finish()
    return ExportedRelease(release["name"], release["number"], out, manifest, is_new)


class _Ticker:
    """Counts frames, tells the caller ten times a second, and listens for a request to stop."""

    def __init__(
        self, total: int, progress: Callable[[Progress], None] | None, should_stop: Callable[[], bool] | None
    ) -> None:
        self._total, self._progress, self._should_stop = total, progress, should_stop
        self._done = 0
        self._started = self._told = time.monotonic()

    def tick(self) -> None:
        """Count a frame."""
        self._done += 1
        self.check()
        now = time.monotonic()
        if self._progress is not None and now - self._told >= _REPORT_SECONDS:
            self._told = now
            left = (now - self._started) / self._done * (self._total - self._done)
            self._progress(Progress(self._done, self._total, left, "Writing frames"))

    def check(self) -> None:
        """Stop if asked to."""
        if self._should_stop is not None and self._should_stop():
            raise _Stopped

    def say(self, what: str) -> None:
        """Tell what is being done."""
        self.check()
        if self._progress is not None:
            self._progress(Progress(self._done, self._total, None, what))

    def finish(self) -> None:
        """Tell that all is done."""
        if self._progress is not None:
            self._progress(Progress(self._total, self._total, 0.0, "Done"))


def _check_place(out: Path, needed: int) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExchangeError(f"{out} is there already; name a new folder, so that nothing is overwritten.")
    with writing_to(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out.parent).free
    if free < needed:
        raise ExchangeError(
            f"The export needs about {_megabytes(needed)} and {out.parent} has {_megabytes(free)} left; free some "
            "space or choose another disk."
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 1e5) / 1e6:.1f} MB"


def _write(plan: ExportPlan, stage: Path, ticker: _Ticker) -> tuple[list[dict[str, Any]], Any]:
    writer = make_writer(plan.format, stage, classes=max(plan.classes, default=0), uid=plan.pseudonyms.uid)
    entries = []
    try:
        for clip in plan.clips:
            ticker.check()
            out, infos = _opened(plan, clip)
            writer.add(out, ticker.tick)
            entries.append(_entry(clip, out, infos))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return entries, writer


def _opened(plan: ExportPlan, clip: PlannedClip) -> tuple[ExportClip, dict[int, FrameInfo]]:
    study = plan.study
    content_id, reading = clip.content_id, plan.reading
    infos = study.frames(content_id) if reading is None else study.reading_frames(content_id, reading)
    now = tuple(infos[t].revision if t in infos else 0 for t in clip.frames)
    if now != clip.revisions or any(infos[t].status.value not in plan.statuses for t in clip.frames):
        raise ExchangeError("Labels changed since the preview; look at it again, then export.")
    try:
        cine = open_stored(study, study.cine(clip.content_id)).cine
    except ExchangeError as error:
        raise ExchangeError(f"{study.cine(clip.content_id).stem}: {error} Nothing was exported.") from error
    blanked = blanking(cine, clip.sector)
    labels = {}
    for t in clip.frames:
        mask = study.mask(clip.content_id, t, revision=infos[t].revision)
        if mask is None:
            raise ExchangeError("Labels changed since the preview; look at it again, then export.")
        info = infos[t]
        labels[t] = Label(
            mask, info.status.value, plan.pseudonyms.rater(info.rater), _model(plan, info.model),
            info.model_sha256[:16], info.edited,
        )  # fmt: skip

    def frame(t: int) -> NDArray[np.uint8]:
        return blanked.frame(np.asarray(cine.frames[t]))

    times = None if clip.frame_times is None else np.asarray(clip.frame_times, np.float64)
    out = ExportClip(
        name=clip.name, patient=clip.patient, split=clip.split, shape=clip.shape, frame=frame, labels=labels,
        fit=clip.fit, frame_times=times, spacing=clip.spacing, view=clip.view, ed=clip.ed, es=clip.es,
        marked=clip.marked, image_quality=clip.quality, is_dicom=clip.is_dicom, key=clip.key,
        # Around a sector that is not sure, pixels are not clean, however much is black.
        provenance=_provenance(plan, clip, 0.0 if blanked.sector.is_unsure else blanked.share),
    )  # fmt: skip
    return out, infos


def _provenance(plan: ExportPlan, clip: PlannedClip, blanked: float) -> Provenance | None:
    if plan.format != "dicom-seg" or not clip.is_dicom:
        return None
    has_text = any(finding.kind == "text" and finding.clip == clip.content_id for finding in plan.findings)
    return provenance_of(clip.source, has_text=has_text, blanked=blanked)


def _model(plan: ExportPlan, name: str) -> str:
    """Return a name that may leave: that of a model everybody has, or a pseudonym."""
    return name if name in _bundled() else plan.pseudonyms.model(name)


@cache
def _bundled() -> frozenset[str]:
    from matae.models import list_models

    return frozenset(entry.name for entry in list_models() if entry.bundled)


def _entry(clip: PlannedClip, out: ExportClip, infos: dict[int, FrameInfo]) -> dict[str, Any]:
    """Return what the manifest says of a clip."""
    frames = []
    pixels = hashlib.sha256()
    for t, label in out.labels.items():
        pixels.update(np.ascontiguousarray(out.frame(t)).data)
        info = infos[t]
        frames.append({
            "frame": t, "status": label.status, "rater": label.rater, "model": label.model,
            "model_sha256": info.model_sha256 if label.model else "", "width": info.width if label.model else "",
            "edited": bool(info.edited),
            "mask_sha256": hashlib.sha256(np.ascontiguousarray(label.mask).data).hexdigest(),
        })  # fmt: skip
    rate = out.frame_rate
    return {
        "name": clip.name, "patient": clip.patient, "split": clip.split, "key": clip.key,
        "content_id": pixels.hexdigest(), "view": clip.view, "n_frames": clip.shape[0],
        "spacing_mm": None if clip.spacing is None else [clip.spacing.y, clip.spacing.x],
        "frame_rate": None if rate is None else round(rate, 6), "ed": clip.ed, "es": clip.es, "marked": clip.marked,
        "fit": placement_to_json(clip.fit), "frames": frames,
    }  # fmt: skip


def _manifest(
    plan: ExportPlan, stage: Path, entries: list[dict[str, Any]], names: dict[str, str]
) -> tuple[dict[str, Any], bool]:
    for entry in entries:
        if entry["name"] in names:
            entry["folder_name"] = names[entry["name"]]
    manifest = manifest_head(
        name=plan.name, number=0, format_name=plan.format, size=plan.size, statuses=plan.statuses,
        splits={side: asdict(counts) for side, counts in plan.splits.items()},
    )  # fmt: skip
    manifest["classes"] = max(plan.classes, default=0)
    if set(plan.classes) - {CAVITY}:  # releases of the cavity alone are, to the byte, what they were
        manifest["structures"] = {str(value): class_name(value) for value in leaving(plan.classes, plan.format)}
    manifest["raters"] = sorted({f["rater"] for e in entries for f in e["frames"]} - {""})
    manifest["models"] = sorted({f["model"] for e in entries for f in e["frames"]} - {""})
    manifest["clips"], manifest["files"] = entries, list_files(stage)
    state = state_digest(manifest)
    earlier = [release for release in plan.study.releases() if release.name == plan.name]
    for release in earlier:
        if release.manifest.get("state") == state:
            manifest["release"]["number"] = release.number
            return manifest, False
    manifest["release"]["number"] = max((release.number for release in earlier), default=0) + 1
    return manifest, True


def _remember(plan: ExportPlan, study: Study, manifest: dict[str, Any]) -> None:
    """Keep in the study what left it, with its own ids, so that forgetting a patient finds them."""
    own = {clip.name: clip for clip in plan.clips}
    clips = [
        {**entry, "original": own[entry["name"]].content_id, "subject": own[entry["name"]].subject}
        for entry in manifest["clips"]
    ]
    kept = {key: value for key, value in manifest.items() if key not in {"files", "clips", "release"}}
    # Nothing of the files by name: their names hold pseudonyms of patients that may have to be forgotten.
    digest = hashlib.sha256(json.dumps(manifest["files"], sort_keys=True).encode()).hexdigest()
    kept |= {"clips": clips, "state": state_digest(manifest), "files_sha256": digest}
    frames = {clip.content_id: dict(zip(clip.frames, clip.revisions, strict=True)) for clip in plan.clips}
    # The study counts; somebody else may have made a release at the same moment.
    manifest["release"]["number"] = study.add_release(plan.name, frames, kept).number
