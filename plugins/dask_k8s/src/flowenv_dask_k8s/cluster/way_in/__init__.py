"""The way to a scheduler in a pod, for a process outside of the cluster."""
