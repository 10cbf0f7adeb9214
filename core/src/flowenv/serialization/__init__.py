"""Python objects as JSON, and objects at a URL."""
