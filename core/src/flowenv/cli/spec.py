"""`flowenv spec`: the finished request, offline, with secrets masked."""

from __future__ import annotations

from typing import Any

import click

from flowenv.cli.options import flow_options, output_option
from flowenv.cli.printing import echo, echo_json, results


@click.command()
@flow_options
@output_option("yaml", "json")
def spec(output: str, **target: Any) -> None:
    """Show what a run would send, without sending it.

    TARGET is file.py, file.py:flow or package.module:flow. Works offline; secrets are masked.

    \b
      flowenv spec flow.py --env k8s
      flowenv spec flow.py --env fargate -o json
    """
    from flowenv.cli.prepare import prepare_run
    from flowenv.submission.explain import masked

    data = masked(prepare_run(**target, is_preview=True).spec)
    if output == "json":
        echo_json(data)
        return
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the quick one, where it's built
    text = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    echo(text.rstrip(), file=results())
