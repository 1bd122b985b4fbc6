"""Stage: train the model of the recipe until the time is up; the next time it goes on where it was.

The number of steps is fixed when a run begins, as many as fit into the time (and no more than the recipe has), so that
the learning rate comes down by the end of it. A state is saved at every validation.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stage import Stage, run_stage, write_json
from throughput import settings, step_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from matae.train.config import TrainConfig

PLAN = "plan.json"
END_SECONDS = 45.0  # for the figures of the finished model
CHECK_SECONDS = 20.0  # of training between two validations


def planned(stage: Stage, folder: Path) -> TrainConfig:
    """Return the settings of the run that is under way, or of a new one that ends in time."""
    config, path = settings(stage), folder / PLAN
    if path.is_file():
        plan = json.loads(path.read_text("utf-8"))
        if (plan["recipe"], plan["init"]) != (stage.recipe.name, stage.init):
            raise ValueError(
                f"{folder} holds a run by {plan['recipe']} from {plan['init']}; choose another --out, or these."
            )
        return replace(config, steps=plan["steps"], check_every=plan["check_every"])
    if stage.dry:
        steps, check = config.steps, config.check_every
    else:
        each, _ = step_seconds(stage, config, 5.0)
        fit = int(0.85 * (stage.left - _reserve(stage)) / each)  # validations and a busy machine take the rest
        steps = max(100, min(config.steps, fit))
        check = max(50, min(steps // 4, int(CHECK_SECONDS / each)))
    about = {"recipe": stage.recipe.name, "init": stage.init}
    write_json(path, about | {"steps": steps, "check_every": check, "of": config.steps})
    return replace(config, steps=steps, check_every=check)


def _reserve(stage: Stage) -> float:
    """Return the seconds kept for the figures: of a short stage a fifth, or there would be no training in it."""
    return min(END_SECONDS, 0.2 * stage.seconds)


def work(stage: Stage) -> None:
    """Train."""
    from matae.train.progress import TrainingProgress, Watch
    from matae.train.run import train_model

    if stage.frames is None:
        stage.leave_out("all", "there are no packed frames; make them with scripts/pack_frames.py")
        return
    folder = stage.out / "training"
    folder.mkdir(parents=True, exist_ok=True)
    config = planned(stage, folder)
    stage.say(
        recipe=stage.recipe.name, init=stage.init, steps=config.steps, check_every=config.check_every, grid=config.grid
    )
    last: list[TrainingProgress] = []

    def follow(progress: TrainingProgress) -> None:
        last[:] = [progress]

    def report(found: Any) -> None:
        dice = {f"dice_{width}": value for width, value in found.dice.items()}
        stage.row("validations", step=found.step, training_s=found.seconds, loss=found.loss, **dice)

    reserve = 0.0 if stage.dry else _reserve(stage)
    notices: list[str] = []
    watch = Watch(should_stop=lambda: stage.left < reserve, step=follow, notice=notices.append)
    card = train_model(
        [stage.frames], folder, name=stage.recipe.stem, config=config, init=stage.init, report=report, watch=watch
    )
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)  # metrics.csv says the same
    step = last[0].step if last else config.steps
    stage.say(step=step, finished=step >= config.steps, notices=notices, figures=card.figures, sha256=card.sha256)


if __name__ == "__main__":
    sys.exit(run_stage("training", work))
