"""Make pictures of every step at four sizes of screen, in both themes: a phantom, whose heart is nobody's.

    python docs/screenshot_desk.py FOLDER            (on any display; each size runs in a process of its own)
    python docs/screenshot_desk.py FOLDER --only 1000x700 dark [--steps measure,learn]
    python docs/screenshot_desk.py FOLDER --sheets   (of what is in FOLDER: one small sheet for each theme)

`FOLDER` gets one PNG for each step, size and theme. A window that does not fit its screen is named, and the script
fails: so does one whose transport bar or save line is not on it. Models, settings and the study live in a temporary
folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from waiting import wait, wait_until

SIZES = (("1000x700", 1), ("1280x800", 1), ("1600x1000", 1), ("2560x1440", 2))
"""Width and height of the screen in its own pixels, and the scale that Qt draws at."""
THEMES = ("dark", "light")
STEPS = ("open", "segment", "review", "measure", "learn")
MEASURE = 3
IMAGES = Path(__file__).resolve().parent / "images"
THUMBNAIL, GAP = 560, 8
"""Width of a picture on a sheet, and what is between two, in pixels."""


def show_phantom(dock: Any) -> None:
    """Open a phantom with its own masks, a frame of them corrected and one accepted."""
    from matae.phantom import make_phantom
    from matae.segment import FrameMask, find_sector

    phantom = make_phantom(seed=5, n_frames=60, shape=(400, 500))
    session = dock.session
    session.open(phantom.cine, find_sector(phantom.cine))
    wait_until(lambda: bool(session.current.ready and not dock.is_probing))
    session.current.run = {"model": "phantom", "width": "1", "model_sha256": "ab" * 32}
    session.masks.begin_run()
    for frame, labels in enumerate(phantom.masks):
        mask = (labels == 1).astype(np.uint8)
        session.masks.receive(FrameMask(frame, mask, mask * 255, int(mask.sum())))
    session.masks.end_run()
    dock.workspace.actions.go_on = False
    session.seek(0)
    dock.workspace.actions.accept()
    session.seek(3)
    dock.workspace.actions.smooth()
    session.seek(5)
    dock.workspace.actions.reject()
    session.seek(8)


def off_screen(dock: Any, window: Any, size: tuple[int, int]) -> list[str]:
    """Return what is wrong with the window: too large, or without what must always be in sight."""
    wrong = []
    if (window.width(), window.height()) != size:
        wrong.append(f"the window is {window.width()} x {window.height()}, not {size[0]} x {size[1]}")
    for name, part in (("transport bar", dock.transport), ("save line", dock.saved)):
        corner = part.mapTo(window, part.rect().bottomRight())
        if not window.rect().contains(corner) or part.visibleRegion().boundingRect() != part.rect():
            wrong.append(f"the {name} is not whole")
    bar = dock.steps.tabBar()
    hidden = [bar.tabText(i) for i in range(bar.count()) if not bar.rect().contains(bar.tabRect(i))]
    if hidden:
        wrong.append(f"steps out of reach: {hidden}")
    return wrong


def take(folder: Path, name: str, scale: int, theme: str, wanted: tuple[str, ...] = STEPS) -> list[str]:
    """Take the pictures of one size in one theme; return what is wrong with them."""
    width, height = (int(part) // scale for part in name.split("x"))
    from napari.settings import get_settings
    from qtpy.QtWidgets import QApplication

    from napari_matae.app import open_viewer

    get_settings().appearance.theme = theme
    viewer, opened = open_viewer()
    dock: Any = opened
    viewer.window.resize(width, height)
    show_phantom(dock)
    wrong: list[str] = []
    for step, title in enumerate(STEPS):
        if title not in wanted:
            continue
        dock.steps.setCurrentIndex(step)
        if step == MEASURE:
            measuring = dock.measure_panel.measuring
            wait_until(lambda m=measuring: m.measurement is not None and not m.is_running)
        elif title == "review":
            link = dock.workspace.link.connection
            # Of the study, which answers when it has written what was drawn.
            wait_until(lambda c=link: c.statistics is not None and sum(c.statistics.by_status.values()) > 0)
        elif title == "learn":
            learn = dock.learn_panel
            wait_until(lambda p=learn: p.data.overview is not None and p.retrain.is_current)
        wait(1500)
        QApplication.processEvents()
        target = folder / f"{name}-{theme}-{step + 1}-{title}.png"
        viewer.window.screenshot(str(target), canvas_only=False, flash=False)
        if title in ("measure", "learn"):
            bar = dock.steps.widget(step).verticalScrollBar()
            bar.setValue(bar.maximum())
            wait(500)
            viewer.window.screenshot(str(target.with_stem(f"{target.stem}-end")), canvas_only=False, flash=False)
            bar.setValue(0)
        wrong += [f"{name} {theme}, {title}: {words}" for words in off_screen(dock, dock.window(), (width, height))]
    if wanted != STEPS:
        viewer.close()
        return wrong
    dock.steps.setCurrentIndex(STEPS.index("review"))
    dock.more_room.toggle()
    wait(900)
    viewer.window.screenshot(str(folder / f"{name}-{theme}-6-more-room.png"), canvas_only=False, flash=False)
    dock.toggle_keys()
    wait(400)
    viewer.window.screenshot(str(folder / f"{name}-{theme}-7-keys.png"), canvas_only=False, flash=False)
    viewer.close()
    wait(300)
    return wrong


def write_sheet(folder: Path, theme: str) -> Path:
    """Write the pictures of a theme side by side, small: a row for each size of screen, a column for each step."""
    from PIL import Image

    rows = []
    for name, _ in SIZES:
        shots = [Image.open(folder / f"{name}-{theme}-{step + 1}-{title}.png") for step, title in enumerate(STEPS)]
        rows.append([shot.convert("RGB").resize(_thumbnail(shot.size), Image.Resampling.LANCZOS) for shot in shots])
    heights = [row[0].height for row in rows]
    sheet = Image.new("RGB", (len(STEPS) * (THUMBNAIL + GAP) - GAP, sum(heights) + GAP * (len(rows) - 1)), "#808080")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, shot in enumerate(row):
            sheet.paste(shot, (column * (THUMBNAIL + GAP), top))
        top += height + GAP
    path = IMAGES / f"desk-all-{theme}.webp"
    sheet.save(path, quality=80, method=6)
    return path


def _thumbnail(size: tuple[int, int]) -> tuple[int, int]:
    return THUMBNAIL, round(size[1] * THUMBNAIL / size[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs=2, metavar=("SIZE", "THEME"))
    parser.add_argument("--sheets", action="store_true")
    parser.add_argument("--steps", default=",".join(STEPS), help="with --only: the steps that are taken")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.sheets:
        for theme in THEMES:
            path = write_sheet(given.folder, theme)
            print(f"wrote {path}: {path.stat().st_size / 1e6:.2f} MB")
        return 0
    if given.only is None:
        failed = 0
        for size, scale in SIZES:
            for theme in THEMES:
                command = [sys.executable, __file__, str(given.folder), "--only", size, theme]
                failed |= subprocess.run(
                    command, env=os.environ | {"QT_SCALE_FACTOR": str(scale)}, check=False
                ).returncode
        return failed
    size, theme = given.only
    with tempfile.TemporaryDirectory() as home:
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = home, str(Path(home) / "study.sqlite")
        os.environ["NAPARI_CONFIG"] = str(Path(home) / "napari.yaml")
        wrong = take(given.folder, size, dict(SIZES)[size], theme, tuple(given.steps.split(",")))
    print("\n".join(wrong or [f"{size} {theme}: all in sight"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
