"""A cluster that the run makes itself: a scheduler of its own, and plain pods as workers."""
