"""Studies with accepted masks, and what is done with them in the Learn step."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from matae.phantom import make_phantom
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study
from napari_matae.exchange.export_dialog import ExportDialog
from napari_matae.exchange.import_dialog import ImportDialog

WAIT = 30_000


@cache
def phantom():
    return make_phantom(seed=5, n_frames=9, shape=(96, 112))


def write(path: Path, *, text: bool = False) -> Path:
    """Write a phantom as a file of its own; with something like text burned in if wished."""
    frames = np.array(phantom().cine.frames)
    if text:
        from PIL import Image, ImageDraw

        line = Image.new("L", (112, 96))
        ImageDraw.Draw(line).text((38, 40), "DOE 12", fill=255)
        frames[:, np.asarray(line) > 128] = 255
    sitk.WriteImage(sitk.GetImageFromArray(frames), str(path))
    return path


def fill(target: Path, files: dict[str, Path], status=FrameStatus.ACCEPTED, frames=(1, 2, 6)) -> list[str]:
    """Put cines into a study, with masks a person drew."""
    masks = phantom().masks
    found = []
    with Study.open(target, rater="anna") if target.exists() else Study.create(target, rater="anna") as study:
        for subject, path in files.items():
            cine = open_cine(path)
            study.add_cine(cine, subject=subject)
            edits = [Edit(t, (masks[t] == 1).astype(np.uint8), 0, status) for t in frames]
            study.put_edits(cine.content_id, edits)
            found.append(cine.content_id)
    return found


def previewed(qtbot, panel) -> ExportDialog:
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        panel.data.preview_button.click()
    return opened.args[0]


def looked_at(qtbot, panel, path: Path) -> ImportDialog:
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        panel.data.look_at(path)
    return opened.args[0]


def exported(qtbot, dialog):
    with qtbot.waitSignal(dialog.exported, timeout=WAIT) as done:
        dialog.export_button.click()
    return done.args[0]
