"""Values as dask-cloudprovider's cloud-init template needs them."""

from __future__ import annotations

import re
from collections.abc import Mapping


def quoted(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables so that the machine gets them as they are.

    The template puts a value into `'docker run … -e NAME="VALUE" …'` as it is: double quotes
    of a shell within single quotes of YAML.

    >>> quoted({"GREETING": '''it's "me"'''})
    {'GREETING': 'it\\'\\'s \\\\"me\\\\"'}
    """
    return {name: _quoted(value) for name, value in variables.items()}


def _quoted(value: str) -> str:
    for_shell = re.sub(r'([\\"$`])', r"\\\1", value)
    return for_shell.replace("'", "''")
