"""What runs in the thread of the study: requests, recovery, what is written elsewhere when the study cannot."""
