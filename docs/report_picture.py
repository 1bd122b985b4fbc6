"""Make the pictures of the reports in the documentation, from a phantom.

Run it as ``python docs/report_picture.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matae.measure import MeasureOptions, measure_cine, measure_two_views
from matae.measure.person import Person
from matae.measure.report import write_report
from matae.measure.two_views_report import write_two_views_report
from matae.phantom import make_phantom, random_heart


def main() -> None:
    config = random_heart(4, start_phase=0.8)
    phantom = make_phantom(4, n_frames=130, shape=(360, 440), config=config)
    measured = measure_cine(phantom.cine, phantom.masks, sector=phantom.sector)
    images = Path(__file__).parent / "images"
    write_report(images / "report.png", measured)
    views = []
    for view, seed in (("A4C", 4), ("A2C", 5)):  # the same heart in another speckle stands for its second view
        phantom = make_phantom(seed, n_frames=60, shape=(360, 440), config=config)
        labels = np.where(phantom.labels <= 3, phantom.labels, 0).astype(np.uint8)
        options = MeasureOptions(view=view, person=Person("female", 165, 60))
        views.append(measure_cine(phantom.cine, labels, options, sector=phantom.sector))
    write_two_views_report(images / "report_biplane.png", measure_two_views(*views))


if __name__ == "__main__":
    main()
