"""Variables on their way through cloud-init and the shell."""

import subprocess

import yaml
from dask_cloudprovider.generic.vmcluster import VMCluster
from hypothesis import given, settings
from hypothesis import strategies as st

from flowenv_dask_cloud.spec.cloud_init import quoted


@settings(max_examples=15)
@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\x85")
    )
)
def test_any_one_line_value_survives_cloud_init_and_the_shell(value: str) -> None:
    rendered = VMCluster.render_cloud_init(
        _Quiet(), image="i", command="c", env_vars=quoted({"X": value})
    )

    [line] = yaml.safe_load(rendered)["runcmd"]
    words = subprocess.run(
        ["sh", "-c", line.replace("docker run", r"printf %s\\n")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    assert f"X={value}" in words


class _Quiet:
    debug = False
