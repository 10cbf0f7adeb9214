"""What a backend answers of runs: handles, states, events, times, summaries; checked once."""
