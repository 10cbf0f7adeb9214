"""What this machine remembers of the runs it has submitted. The platform stays the truth."""
