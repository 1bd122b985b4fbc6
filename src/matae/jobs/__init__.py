"""Work on files one by one, and what every such work has in common; segmenting them is one."""

from __future__ import annotations

from matae.jobs.inputs import find_inputs, plan, shared_stems
from matae.jobs.job import Failure, Job, Outcome, Settings
from matae.jobs.run import check_folder, run_here
from matae.jobs.segmenting import FileJob, FileResult, JobSettings, segment_file

__all__ = [
    "Failure",
    "FileJob",
    "FileResult",
    "Job",
    "JobSettings",
    "Outcome",
    "Settings",
    "check_folder",
    "find_inputs",
    "plan",
    "run_here",
    "segment_file",
    "shared_stems",
]
