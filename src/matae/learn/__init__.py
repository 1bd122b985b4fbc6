"""Learn: retrain from a study's corrections, and see on patients it never saw whether it helped.

Importing this package loads neither torch nor the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.learn.options import KINDS, MIN_FRAMES, MIN_PATIENTS, RetrainOptions

if TYPE_CHECKING:
    from typing import Any

    from matae.learn.client import LearnRun, RunInfo, discard_run, unfinished_runs
    from matae.learn.forget import Forgotten, forget_patient, models_trained_on
    from matae.learn.gather import check_corrections
    from matae.learn.judging import compare_models, judge, load_overlay
    from matae.learn.run import PausedError, retrain
    from matae.learn.verdict import Verdict

__all__ = [
    "KINDS",
    "MIN_FRAMES",
    "MIN_PATIENTS",
    "Forgotten",
    "LearnRun",
    "PausedError",
    "RetrainOptions",
    "RunInfo",
    "Verdict",
    "check_corrections",
    "compare_models",
    "discard_run",
    "forget_patient",
    "judge",
    "load_overlay",
    "models_trained_on",
    "retrain",
    "unfinished_runs",
]

_WHERE = {
    "Forgotten": "forget",
    "LearnRun": "client",
    "PausedError": "run",
    "RunInfo": "client",
    "Verdict": "verdict",
    "check_corrections": "gather",
    "discard_run": "client",
    "forget_patient": "forget",
    "compare_models": "judging",
    "judge": "judging",
    "load_overlay": "judging",
    "models_trained_on": "forget",
    "retrain": "run",
    "unfinished_runs": "client",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
