"""Parameters against a flow's signature: made what its annotations say, and what is wrong."""
