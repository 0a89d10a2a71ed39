"""The cache of parsed specs."""

from typing import Any

import pytest
from epochal_api.catalogue.findings import to_text
from epochal_api.catalogue.problems import problems
from epochal_operator.experiment import cache_transform
from epochal_operator.experiment.spec_cache import SpecCache
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.cache_transform import spec_bytes

from tests.unit.operator.experiment.cluster import Cluster


def cached_experiment() -> Any:
    """Returns an unfinished Experiment as in the operator's cache."""
    return cache_transform.experiment(Cluster().experiment())


@pytest.mark.parametrize(("fitting", "kept"), [(3.5, 3), (0.5, 0)])
async def test_unfinished_experiments_need_bounded_memory(fitting: float, kept: int) -> None:
    document = cached_experiment()
    cache = SpecCache(int(fitting * spec_bytes(document)))
    specs = [await cache.read(Key("vision", f"search-{number}"), document) for number in range(10)]
    assert all(spec.parsed is not None and not spec.error for spec in specs)
    assert list(cache._cache.values()) == specs[10 - kept :]


async def test_a_spec_is_parsed_once_for_each_generation() -> None:
    document, key, cache = cached_experiment(), Key("vision", "search"), SpecCache()
    first = await cache.read(key, document)
    assert await cache.read(key, document) is first
    document["metadata"]["generation"] += 1
    assert await cache.read(key, document) is not first
    cache.forget(key)
    assert not cache._cache


async def test_errors_are_cached_by_their_length() -> None:
    experiment = Cluster().experiment()
    experiment["spec"]["parameters"][0]["paths"] = ["training.wrong"]
    cache = SpecCache()
    found = await cache.read(Key("vision", "search"), cache_transform.experiment(experiment))
    assert found.parsed is None
    assert found.size == len(found.error) > 0


async def test_the_error_has_the_problems_that_the_commands_find() -> None:
    experiment = Cluster().experiment()
    experiment["spec"]["parallelism"] = 0
    experiment["spec"]["template"]["spec"]["training"] |= {"epochs": 0, "loss": "msee"}
    errors = problems(experiment)
    assert len(errors) == 3
    found = await SpecCache().read(Key("vision", "search"), cache_transform.experiment(experiment))
    assert found.error == to_text(errors)
