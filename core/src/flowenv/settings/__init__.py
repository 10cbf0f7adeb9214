"""Settings: how one is declared, and its values from text, TOML and the configuration."""
