"""From the environment and a run to the requests, as plain data: no network, no clock."""
