"""Make the picture of outlining by clicks: a phantom, and the packaged head.

python docs/screenshot_prompts.py        (on any display)

Models, settings and the study live in a temporary folder.
"""

from __future__ import annotations

from phantom_review import FRAME, phantom_in_review
from waiting import wait_until


def main() -> None:
    with phantom_in_review("prompts.png", 12) as (dock, phantom):
        tools, made = dock.workspace.tools, []
        tools.prompting.made.connect(made.append)
        tools.choose("prompt")
        for y, x in phantom.landmarks[FRAME]:
            tools.prompting.click((float(y), float(x)))
        wait_until(lambda: bool(made))


if __name__ == "__main__":
    main()
