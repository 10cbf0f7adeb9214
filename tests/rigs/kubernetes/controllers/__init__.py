"""Controllers: what makes pods out of Jobs and Deployments."""
