"""Make the pictures of the large verdict, the Models section and forgetting a patient, on phantoms only.

    python docs/screenshot_models.py        (on any display; some minutes)

Study, settings and models live in a temporary folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from screenshot_learn import IMAGES, LEARN
from screenshot_retrain import SIDES, fill
from waiting import wait, wait_until

TEST = {7: "test", 8: "test", 9: "test", 10: "test"}
STEPS = 30
DOCK = 400


def shoot(verdict: Any, run: Path, forgotten: str) -> None:
    """Take the pictures of a verdict, of the models, and of the question before a patient is forgotten."""
    from napari_matae.app import open_viewer

    viewer, opened_dock = open_viewer()
    dock: Any = opened_dock
    viewer.window.resize(1380, 950)
    wait_until(lambda: not dock.is_probing and bool(dock.workspace.link.connection.name))
    dock.steps.setCurrentIndex(LEARN)
    panel: Any = dock.learn_panel
    view, box = panel.retrain.verdict, panel.models
    view.show_verdict(verdict, run)
    view.open_large()
    large = view.window_
    large.resize(1080, 1210)
    wait_until(lambda: not large.view.is_drawing)
    wait(800)
    large.grab().save(str(IMAGES / "learn_verdict_large.png"))
    large.close()
    for section in (panel.sections["models"], *box.sections.values()):
        section.set_open(True)
    wait_until(lambda: verdict.name in box.list.facts and box.forget.subject.count() > 2)
    box.list.choose(verdict.name)
    box.forget.choose(forgotten)
    wait_until(lambda: box.forget.facts is not None)
    box.setFixedWidth(DOCK)
    wait(800)
    box.grab().save(str(IMAGES / "learn_models.png"))
    box.forget.button.click()
    wait_until(lambda: box.forget.question is not None)
    wait(500)
    box.forget.question.grab().save(str(IMAGES / "learn_forget.png"))
    box.forget.question.close()
    viewer.close()
    wait(300)


def main() -> None:
    from matae.learn import RetrainOptions, finished_runs, retrain
    from matae.store import Study

    IMAGES.mkdir(exist_ok=True)
    SIDES.update(TEST)
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "lab.sqlite"
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = f"{folder}/home", str(path)
        fill(folder, path)
        with Study.open(path, rater="reader 1") as study:
            retrain(study, RetrainOptions(kind="quick", steps=STEPS // 2, replay="none"))
            verdict = retrain(study, RetrainOptions(kind="full", steps=STEPS, replay="none"))
            run = finished_runs(study)[-1].folder
        shoot(verdict, run, "P2")


if __name__ == "__main__":
    main()
