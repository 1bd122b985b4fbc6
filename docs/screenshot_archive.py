"""Make the pictures of an archive in the dock, of what goes back to it, and of body size and reading in their steps.

    python docs/screenshot_archive.py [--theme light] [--out DIR]       (on any display)

Phantoms only, from a small DIMSE archive of the tests that runs on this computer, in a study of their own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from screenshot_worklist import IMAGES
from waiting import wait, wait_until

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "matae" / "clinic"), str(ROOT / "tests" / "matae" / "pacs")]
MEASURE, LEARN = 3, 4
NAMES = ("Muster^Ada", "Beispiel^Bruno", "Probe^Cleo")


def archive() -> Any:
    """Return a DIMSE archive with clips of three phantoms."""
    from clinic_makers import phantom_dataset

    from matae.phantom import make_phantom
    from tests.napari_matae.archive.loopback_makers import LoopbackArchive

    held = []
    for number, name in enumerate(NAMES):
        phantom = make_phantom(number, n_frames=24, frame_rate=20.0, shape=(150, 190))
        first = phantom_dataset(phantom, PatientID="P-0042", PatientName=name, StudyDescription="Echo, resting")
        held.append(first)
        same = {"StudyInstanceUID": first.StudyInstanceUID, "SeriesInstanceUID": first.SeriesInstanceUID}
        held.append(
            phantom_dataset(phantom, PatientID="P-0042", PatientName=name, StudyDescription="Echo, resting", **same)
        )
    return LoopbackArchive(held)


def fill(folder: Path, target: Path) -> Path:
    """Make a study whose one DICOM clip was read by two raters; return the clip."""
    from clinic_makers import phantom_dataset, save

    from matae.phantom import make_phantom
    from matae.read import open_cine
    from matae.store import Edit, FrameStatus, Study

    folder.mkdir()
    phantom = make_phantom(2, n_frames=40, frame_rate=20.0, shape=(300, 380))
    path = save(phantom_dataset(phantom), folder / "phantom.dcm")
    cine = open_cine(path)
    masks = (phantom.masks == 1).astype(np.uint8)
    Study.create(target, rater="anna").close()
    for rater, frames in (("anna", range(40)), ("bela", range(3))):
        with Study.open(target, rater=rater) as study:
            if not study.has_cine(cine.content_id):
                study.add_cine(cine, subject="S-001")
            known = study.frames(cine.content_id)
            edits = [Edit(t, masks[t], known[t].revision if t in known else 0, FrameStatus.ACCEPTED) for t in frames]
            study.put_edits(cine.content_id, edits, note="brush")
    return path


def take(clip: Path, out: Path, theme: str) -> None:
    """Take every picture, at the size of the screen."""
    import napari

    from matae.read import open_cine
    from napari_matae.dock import MataeDock

    viewer = napari.Viewer(show=True)
    viewer.theme = theme
    dock = MataeDock(viewer)
    room = dock.screen().availableGeometry()
    viewer.window.resize(min(1280, room.width()), min(800, room.height()))
    viewer.window.add_dock_widget(dock, name="MatAE")
    wait_until(lambda: not dock.is_probing and bool(dock.workspace.link.connection.opened_target))
    dock.session.open(open_cine(clip))
    wait_until(lambda: dock.session.current is not None and dock.session.current.ready)
    dock.steps.setCurrentIndex(MEASURE)
    panel = dock.measure_panel
    wait_until(lambda: panel.measuring.measurement is not None and not panel.measuring.is_running)
    panel.body_size.height_box.setValue(170)
    panel.body_size.weight_box.setValue(70)
    wait(1500)
    dock.steps.currentWidget().ensureWidgetVisible(panel.body_size, 50, 200)
    wait(800)
    viewer.window.screenshot(str(out / "archive-measure.png"), canvas_only=False, flash=False)
    panel.send_button.click()
    sending = panel.sending[0]
    wait_until(lambda: bool(sending.described))
    sending.place.name.setCurrentText("https://pacs.example/dicom-web")
    wait(500)
    sending.grab().save(str(out / "archive-send.png"))
    sending.close()
    dock.steps.setCurrentIndex(LEARN)
    data = dock.learn_panel.data
    wait_until(lambda: data.overview is not None)
    data.sections["export"].set_open(True)
    wait(500)
    dock.steps.currentWidget().ensureWidgetVisible(data.form)
    wait(800)
    viewer.window.screenshot(str(out / "archive-reading.png"), canvas_only=False, flash=False)
    take_archive(dock, out)
    dock.close_down()
    viewer.close()


def take_archive(dock: Any, out: Path) -> None:
    """Take the worklist, and the window that finds clips in an archive."""
    dock.show_worklist()
    wait_until(lambda: dock.worklist.model.rowCount() == 1)
    wait(1500)
    dock.worklist.grab().save(str(out / "archive-worklist.png"))
    held = archive()
    dock.worklist.show_archive()
    dialog = dock.worklist.archive
    dialog.place.name.setCurrentText(held.address)
    dialog.out.setText("/home/anna/hearts/fetched")
    dialog.patient.setText("P-0042")
    dialog.find()
    wait_until(lambda: bool(dialog.table.clips))
    dialog.place.name.setCurrentText("dimse://ARCHIVE@pacs.example:104")
    wait(600)
    dialog.grab().save(str(out / "archive.png"))
    held.close()


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = str(root / "home"), str(root / "phantoms.sqlite")
        os.environ["LOGNAME"] = "anna"  # who is logged in
        clip = fill(root / "clips", root / "phantoms.sqlite")
        take(clip, arguments.out, arguments.theme)


if __name__ == "__main__":
    main()
