"""Make the picture of the report in the documentation, from a phantom.

Run it as ``python docs/report_picture.py``.
"""

from __future__ import annotations

from pathlib import Path

from matae.measure import measure_cine
from matae.measure.report import write_report
from matae.phantom import make_phantom, random_heart


def main() -> None:
    config = random_heart(4, start_phase=0.8)
    phantom = make_phantom(4, n_frames=130, shape=(360, 440), config=config)
    measured = measure_cine(phantom.cine, phantom.masks, sector=phantom.sector)
    write_report(Path(__file__).parent / "images" / "report.png", measured)


if __name__ == "__main__":
    main()
