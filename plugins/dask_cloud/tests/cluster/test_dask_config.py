"""What a provider sets in Dask's configuration."""

import copy

import dask.config

from flowenv_dask_cloud.cluster.dask_config import ProviderSettings


def test_what_a_provider_sets_in_dasks_configuration_is_undone_and_nothing_else() -> None:
    before = copy.deepcopy(dask.config.config)
    noticed = ProviderSettings()

    with noticed.noticed():
        dask.config.set({"test-provider.deep.key": 1, "test-provider.other": {}})
    dask.config.set({"test-flow.key": 2})
    try:
        noticed.undo()
        assert dask.config.config == {**before, "test-flow": {"key": 2}}
    finally:
        dask.config.config.pop("test-flow")


def test_defaults_of_a_library_that_is_imported_meanwhile_stay() -> None:
    noticed = ProviderSettings()
    before = list(dask.config.defaults)

    with noticed.noticed():
        dask.config.update_defaults({"test-library": {"key": 1}})
    noticed.undo()
    try:
        assert dask.config.get("test-library.key") == 1
    finally:
        dask.config.config.pop("test-library")
        dask.config.defaults[:] = before
