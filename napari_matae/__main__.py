"""``python -m napari_matae [--demo] [PATH]``: the viewer with the dock open."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Open the viewer and run until it is closed."""
    parser = argparse.ArgumentParser(prog="python -m napari_matae", description="Open napari with the MatAE dock.")
    parser.add_argument("path", nargs="?", type=Path, help="file or folder to open")
    parser.add_argument("--demo", action="store_true", help="open, segment and play the demonstration cine")
    arguments = parser.parse_args()

    if arguments.path is not None and not arguments.demo:
        from napari_matae.open.early import read_early

        read_early(arguments.path)

    import napari

    from napari_matae.app import open_viewer, show_demo

    if arguments.demo:
        show_demo()
    else:
        open_viewer(arguments.path)
    napari.run()


if __name__ == "__main__":
    main()
