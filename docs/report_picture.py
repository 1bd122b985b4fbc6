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
    write_earlier(images / "report-earlier.png")


def write_earlier(path: Path) -> None:
    """Draw the second page of a report: three phantoms as examinations of one person, in a study of their own."""
    import io
    import tempfile

    from PIL import Image

    from matae.measure.report import render_report
    from matae.readers.history import earlier_for_report, history_with
    from matae.store import Study
    from matae.worklist import stored_measurement

    with tempfile.TemporaryDirectory() as folder, Study.create(Path(folder) / "phantoms.sqlite", rater="anna") as study:
        for seed, day in ((3, "2023-04-02"), (11, "2024-10-11"), (7, "2026-03-01")):
            phantom = make_phantom(seed, n_frames=40, frame_rate=33.0, shape=(150, 190), config=random_heart(seed))
            cine = phantom.cine
            study.add_cine(cine, subject="S-001")
            study.set_recorded(cine.content_id, day)
            measured = measure_cine(cine, phantom.masks, MeasureOptions(view="A4C"), sector=phantom.sector)
            study.put_measurement(cine.content_id, stored_measurement(measured))
        history = history_with(study, cine.content_id, stored_measurement(measured))
        earlier = None if history is None else earlier_for_report(history, cine.content_id)
    pages = [Image.open(io.BytesIO(render_report(measured, "png", earlier=one)[0])) for one in (None, earlier)]
    pages[1].crop((0, pages[0].height, pages[0].width, pages[1].height)).save(path)


if __name__ == "__main__":
    main()
