"""Learn: retrain from a study's corrections, and see on patients it never saw whether it helped.

Importing this package loads neither torch nor the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.learn.options import KINDS, MIN_FRAMES, MIN_PATIENTS, RetrainOptions

if TYPE_CHECKING:
    from typing import Any

    from matae.learn.channel import PausedError
    from matae.learn.client import LearnRun, retrain_apart
    from matae.learn.comparison import compare_models, judge
    from matae.learn.forget import Forgotten, forget_patient, models_trained_on
    from matae.learn.history import FinishedRun, RunInfo, discard_run, finished_runs, unfinished_runs
    from matae.learn.migrate import Mended, mend_study, what_is_lacking
    from matae.learn.overlays import load_overlay
    from matae.learn.preconditions import check_corrections
    from matae.learn.run import retrain
    from matae.learn.verdict import Verdict

__all__ = [
    "KINDS",
    "MIN_FRAMES",
    "MIN_PATIENTS",
    "FinishedRun",
    "Forgotten",
    "LearnRun",
    "Mended",
    "PausedError",
    "RetrainOptions",
    "RunInfo",
    "Verdict",
    "check_corrections",
    "compare_models",
    "discard_run",
    "finished_runs",
    "forget_patient",
    "judge",
    "load_overlay",
    "mend_study",
    "models_trained_on",
    "retrain",
    "retrain_apart",
    "unfinished_runs",
    "what_is_lacking",
]

_WHERE = {
    "FinishedRun": "history",
    "Forgotten": "forget",
    "LearnRun": "client",
    "Mended": "migrate",
    "PausedError": "channel",
    "RunInfo": "history",
    "Verdict": "verdict",
    "check_corrections": "preconditions",
    "compare_models": "comparison",
    "discard_run": "history",
    "finished_runs": "history",
    "forget_patient": "forget",
    "judge": "comparison",
    "load_overlay": "overlays",
    "mend_study": "migrate",
    "models_trained_on": "forget",
    "retrain": "run",
    "retrain_apart": "client",
    "unfinished_runs": "history",
    "what_is_lacking": "migrate",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
