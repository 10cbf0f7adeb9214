"""From the environment and a run to the provider's arguments: plain data, nothing is made."""
