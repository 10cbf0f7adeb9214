"""Many runs at once: submitted together, followed together, picked up again together."""
