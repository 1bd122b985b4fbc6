"""One module a layout of training data: what a folder of it holds, and how one is written."""
