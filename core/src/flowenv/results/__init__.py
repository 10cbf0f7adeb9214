"""What a flow gives: its result, its files and its outcome, as they leave it and as they
are read."""
