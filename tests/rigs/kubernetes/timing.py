"""How long the cluster takes over things; shorter than a real one, so that tests are quick."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Durations in seconds.

    Args:
        job_backoff: before a Job's second pod; doubles with each further one (really 10).
        crash_backoff: before a container's first restart; doubles with each (really 10).
        image_backoff: between two attempts to pull an image (really 10 and more).
        longest_probe_period: upper bound to a probe's ``periodSeconds`` and initial delay.
        status_delay: from a change of a container to the pod's status that tells of it (really 1
            to 2); also for a container that was killed, and for its restart.
        log_skew: how much earlier than its place in the log a line of standard error may be
            stamped (really mostly microseconds, and milliseconds on a busy node).
        log_rotation: between two looks at the size of a container's log (really 10).
        longest_grace: upper bound to ``terminationGracePeriodSeconds``; None for none.
    """

    job_backoff: float = 0.2
    crash_backoff: float = 0.2
    image_backoff: float = 0.3
    longest_probe_period: float = 0.2
    status_delay: float = 0.05
    log_skew: float = 0.001
    log_rotation: float = 0.2
    longest_grace: float | None = None

    def grace(self, seconds: float) -> float:
        """Return how long containers really get."""
        return seconds if self.longest_grace is None else min(seconds, self.longest_grace)
