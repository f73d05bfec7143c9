"""One run and many runs: what to run, with which settings, and running it."""
