"""What backends whose runs are on another machine or service have in common."""
