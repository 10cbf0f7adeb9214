"""The rig with the Dask operator: one for all tests of a process, since its start takes seconds."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from rigs import WITHOUT_BOKEH, WITHOUT_KUBERNETES
from rigs.kubernetes import Image, KubernetesRig, Timing
from rigs.kubernetes.dask_operator import DaskOperator

_WITHOUT_BOKEH = {**Image().env, "PYTHONPATH": WITHOUT_BOKEH}
_DASK_ALONE = {**Image().env, "PYTHONPATH": f"{WITHOUT_BOKEH}:{WITHOUT_KUBERNETES}"}
IMAGES = {
    "repo/flow:1": Image(_WITHOUT_BOKEH),
    "repo/bokeh:1": Image(),
    "repo/dask:1": Image(_DASK_ALONE),
}
"""The images that it can pull. Bokeh doubles what a scheduler's start costs."""
OPERATOR_PERIOD = 1.0
"""Seconds between the operator's looks at each cluster: how busy it is, whether it is idle."""

_RUNNING = pytest.StashKey[tuple[KubernetesRig, DaskOperator]]()


def operated_rig(session: pytest.Session) -> tuple[KubernetesRig, DaskOperator]:
    """The rig and its operator, started by the first test that asks, stopped after the last.

    Every test leaves it empty.
    """
    if _RUNNING not in session.stash:
        with ExitStack() as stack:
            rig = stack.enter_context(KubernetesRig(images=IMAGES, timing=Timing(longest_grace=5)))
            operator = stack.enter_context(DaskOperator(rig, period=OPERATOR_PERIOD))
            session.stash[_RUNNING] = rig, operator
            # a cleanup of the configuration would come too late: xdist kills its worker then
            session.addfinalizer(stack.pop_all().close)
    return session.stash[_RUNNING]
