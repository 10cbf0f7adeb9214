"""What the tests of several distributions share that run flows on the Kubernetes rig."""
