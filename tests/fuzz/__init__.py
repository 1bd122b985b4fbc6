"""The readers and importers under a coverage-guided fuzzer: ``make fuzz SECONDS=3600``.

`targets` says what is tried, `seeds` makes the small real files it starts from, ``python -m tests.fuzz`` divides the
time among the targets. What was found lies in ``found``, where `test_fuzz_found` runs it with every test run.
"""
