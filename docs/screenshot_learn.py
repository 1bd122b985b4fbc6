"""Make the pictures of the Learn step, on phantoms only.

    python docs/screenshot_learn.py        (on any display)

Study, settings and exports live in a temporary folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from waiting import wait, wait_until

from matae.segment import find_sector

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parent / "images"
SIZE = (1380, 900)
LEARN = 4


def fill(folder: Path, study_path: Path, seeds: range, *, text_in: int | None = None) -> None:
    """Put phantoms into the study as if a reader had accepted frames of them."""
    import SimpleITK as sitk  # noqa: N813
    from PIL import Image, ImageDraw

    from matae.phantom import make_phantom
    from matae.read import open_cine
    from matae.store import Edit, FrameStatus, Study

    maker = Study.open if study_path.exists() else Study.create
    with maker(study_path, rater="reader 1") as study:
        for seed in seeds:
            phantom = make_phantom(seed=seed, n_frames=24, shape=(300, 380))
            frames = np.array(phantom.cine.frames)
            line = Image.new("L", (380, 300))
            draw = ImageDraw.Draw(line)
            draw.text((6, 6), "NAME^PHANTOM", fill=255)  # in the margin: blanked
            if seed == text_in:
                draw.text((160, 120), "DOE 12.03.", fill=255)  # in the sector: found
            frames[:, np.asarray(line) > 128] = 255
            path = folder / f"clip-{seed}.mha"
            image = sitk.GetImageFromArray(frames)
            image.SetSpacing((0.6, 0.6, 20.0))
            sitk.WriteImage(image, str(path))
            cine = open_cine(path)
            study.add_cine(cine, subject=f"P{seed + 1}")
            edits = [
                Edit(t, (phantom.masks[t] == 1).astype(np.uint8), 0, FrameStatus.ACCEPTED) for t in range(0, 24, 3)
            ]
            study.put_edits(cine.content_id, edits)


def dialog_of(data: Any, deed: Callable[[], None]) -> Any:
    opened: list[Any] = []
    data.opened.connect(opened.append)
    deed()
    wait_until(lambda: bool(opened))
    wait(800)
    return opened[0]


def shoot(widget: Any, name: str) -> None:
    widget.grab().save(str(IMAGES / f"{name}.png"))
    print(f"wrote {IMAGES / name}.png")


def export(data: Any) -> Any:
    data.sections["export"].set_open(True)
    dialog = dialog_of(data, data.preview_button.click)
    dialog.looked.setChecked(True)
    dialog.export_button.click()
    wait_until(lambda: dialog.release is not None)
    wait(800)
    return dialog


def main() -> None:
    from napari_matae.app import open_viewer

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder, study = Path(name), Path(name) / "lab.sqlite"
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = f"{folder}/home", str(study)
        fill(folder, study, range(3))
        viewer, opened_dock = open_viewer()
        dock: Any = opened_dock
        viewer.window.resize(*SIZE)
        from matae.read import open_cine

        dock.session.open(cine := open_cine(folder / "clip-0.mha"), find_sector(cine))
        wait_until(lambda: dock.session.current.ready and not dock.is_probing)
        dock.steps.setCurrentIndex(LEARN)
        data: Any = dock.learn_panel.data
        data.form.folder.setText(str(folder / "exports"))
        data.form.name.setText("lv-spring")
        wait_until(lambda: data.overview is not None)
        export(data).close()
        fill(folder, study, range(3, 7), text_in=4)
        data.form.folder.setText("exports")
        data.count()
        wait_until(lambda: data.overview.clips == 7)
        data.words.hide()
        wait(800)
        viewer.window.screenshot(str(IMAGES / "learn.png"), canvas_only=False, flash=False)
        data.form.folder.setText(str(folder / "exports-2"))
        dialog = dialog_of(data, data.preview_button.click)
        dialog.summary.setText(dialog.summary.text().replace(str(folder), "…"))
        shoot(dialog, "learn-preview")
        dialog.close()
        export(data).close()
        data.sections["export"].set_open(False)
        data.sections["import"].set_open(True)
        data.sections["releases"].set_open(True)
        data.form.name.setText("lv-spring")
        wait_until(lambda: len(data.overview.releases) == 2)
        data.words.hide()
        wait(800)
        viewer.window.screenshot(str(IMAGES / "learn-releases.png"), canvas_only=False, flash=False)
        from matae.store import Edit, Study

        with Study.open(study, rater="reader 2") as opened:
            cine = opened.cines()[0]
            info = opened.frames(cine.content_id)[3]
            mask = np.roll(np.asarray(opened.mask(cine.content_id, 3)), 8, 1)
            opened.put_edits(cine.content_id, [Edit(3, mask, info.revision)])
        dialog = dialog_of(data, lambda: data.look_at(folder / "exports" / "lv-spring-png"))
        shoot(dialog, "learn-import")
        dialog.close()
        viewer.close()
        wait(300)


if __name__ == "__main__":
    main()
