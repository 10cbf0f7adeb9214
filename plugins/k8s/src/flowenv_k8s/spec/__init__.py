"""From an environment and a run to plain data, and the checks of both; pure."""
