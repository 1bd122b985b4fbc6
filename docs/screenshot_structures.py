"""Make the picture of Review with three structures: a phantom.

python docs/screenshot_structures.py        (on any display)

Models, settings and the study live in a temporary folder.
"""

from __future__ import annotations

import numpy as np
from phantom_review import FRAME, phantom_in_review


def main() -> None:
    from matae.segment import FrameMask

    with phantom_in_review("review-structures.png", 30) as (dock, phantom):
        session = dock.session
        session.current.run = {"model": "phantom", "width": "1", "model_sha256": "ab" * 32}
        session.masks.begin_run()
        for t, labels in enumerate(phantom.labels):
            mask = np.where(labels <= 3, labels, 0).astype(np.uint8)
            session.masks.receive(FrameMask(t, mask, mask, int((mask == 1).sum())))
        session.masks.end_run()
        session.seek(FRAME)
        dock.workspace.structures.choose(2)
        dock.workspace.tools.choose("brush")
        dock.viewer.layers.selection.active = session.current.labels


if __name__ == "__main__":
    main()
