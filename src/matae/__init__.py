"""MatAE: left-ventricle segmentation of echocardiography cines.

The engine of napari-matae. It knows neither napari nor Qt; importing it is cheap, and everything
heavy (torch, the codecs, SimpleITK) is imported by the function that needs it.

Research use only. Not a medical device. Not for diagnosis or treatment.
"""

from __future__ import annotations

from matae.threads import wait_asleep

wait_asleep()  # before anything loads torch

__version__ = "0.1.0"

RESEARCH_USE = (
    "Research use only. Not a medical device. Not for diagnosis or treatment. "
    "Measurements are unvalidated on your equipment."
)
"""The sentence every export, banner and model card repeats."""

__all__ = ["RESEARCH_USE", "__version__"]
