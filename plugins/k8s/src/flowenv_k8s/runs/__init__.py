"""One run on the cluster, from its submission to its end, and the runs that others submitted."""
