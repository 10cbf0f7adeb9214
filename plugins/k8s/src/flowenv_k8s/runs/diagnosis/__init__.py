"""From what Kubernetes says to a run's status, reason and hint. Pure."""
