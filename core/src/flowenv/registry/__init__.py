"""The backends and plugins that are there: found, imported and kept, each once."""
