"""`flowenv spec`: the finished request, offline, with secrets masked."""

from __future__ import annotations

from typing import Any

import click

from flowenv.cli.arguments.options import flow_options, output_option
from flowenv.cli.output.printing import echo, echo_json, results


@click.command()
@flow_options
@output_option("yaml", "json")
def spec(output: str, **target: Any) -> None:
    """Show what a run would send, without sending it.

    TARGET is file.py, file.py:flow or package.module:flow. Works offline; secrets are masked.
    Manifests of Kubernetes are documents that kubectl reads; all else is one mapping. JSON is
    always one object, with the parts by their names.

    \b
      flowenv spec flow.py --env k8s
      flowenv spec flow.py --env k8s | kubectl apply --dry-run=server -f -
      flowenv spec flow.py --env fargate -o json
    """
    from flowenv.cli.arguments.prepare import prepare_run
    from flowenv.submission.explain import masked

    built = prepare_run(**target, is_preview=True).spec
    if output == "json":
        echo_json(masked(built))
    elif any(_is_manifest(part) for part in built.values()):
        documents = [_document(name, part) for name, part in built.items()]
        echo("---\n".join(documents).rstrip(), file=results())
    else:
        echo(_yaml(masked(built)).rstrip(), file=results())


def _is_manifest(part: Any) -> bool:
    return isinstance(part, dict) and "kind" in part and "apiVersion" in part


def _document(name: str, part: Any) -> str:
    """A part as a document of its own.

    What is no manifest, or one whose files are left out, stands in a comment.
    """
    from flowenv.submission.explain import masked

    if not _is_manifest(part):
        return "".join(f"# {line}\n" for line in _yaml({name: masked(part)}).splitlines())
    files: dict[str, int] = {}
    text = _yaml(masked(_without_files(part, "", files)))
    if not files:
        return f"# {name}\n{text}"
    # emptied it is another object: what exists and is immutable would refuse to become it
    called = f"{part['kind']} {part['metadata']['name']}"
    told = [f"# {name}: {called}, which flowenv makes if it isn't there; not to be applied\n"]
    told += [f"# {at} has {size:,} bytes, left out here\n" for at, size in files.items()]
    return "".join(told)


def _without_files(value: Any, at: str, files: dict[str, int]) -> Any:
    """A manifest with its files emptied, as base64 of nothing; they are noted with their sizes."""
    if isinstance(value, dict):
        return {k: _without_files(one, f"{at}.{k}".lstrip("."), files) for k, one in value.items()}
    if isinstance(value, list):
        return [_without_files(one, f"{at}[{index}]", files) for index, one in enumerate(value)]
    if isinstance(value, bytes):
        files[at] = len(value)
        return ""
    return value


def _yaml(data: Any) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the quick one, where it's built
    return yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
