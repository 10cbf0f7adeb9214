"""Manifests as users write them: YAML as Kubernetes reads it, and the fields that there are."""
