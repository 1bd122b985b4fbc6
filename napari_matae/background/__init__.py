"""Work off the GUI thread: one worker, its failures in a sentence, a job with its progress."""
