"""The demo: each backend at work on its stand-in, command by command.

`nox -s demo -- k8s` in the repository's root, or in `tests/` `python -m rigs.demo k8s`.
"""
