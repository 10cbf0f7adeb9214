"""A run's life where it is submitted: variables, build, modify, validate, setup, execute."""
