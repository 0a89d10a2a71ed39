"""The page size follows the size of the objects: few requests for small objects, bounded bytes for large objects."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.pages import FIRST_OBJECTS, MAX_OBJECTS, MAX_PAGE_BYTES, PAGE_BYTES, next_limit
from epochal_operator.runtime.api.resource import JOBS, PODS

from tests.unit.operator.runtime.api.conftest import client_of

KIB = 1024


class Objects:
    """An API server with Jobs of given sizes, which keeps the limits that it was asked for."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.limits: list[int] = []
        self.large_written: list[int] = []
        """How many large objects each page took from the server before it ended or was dropped."""
        self.encodings: set[str] = set()

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Answers with a page, and writes it in parts, as the API server does."""
        begin, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        self.limits.append(limit)
        self.large_written.append(0)
        self.encodings.add(request.headers.get("Accept-Encoding", ""))
        end = min(begin + limit, len(self.sizes))
        metadata = {"resourceVersion": "9"} | ({"continue": str(end)} if end < len(self.sizes) else {})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(f'{{"metadata":{json.dumps(metadata)},"items":['.encode())
        for number in range(begin, end):
            text = json.dumps({"metadata": {"name": str(number)}, "text": "x" * self.sizes[number]}).encode()
            try:
                await response.write(text + (b"," if number + 1 < end else b"]}"))
            except ConnectionError:  # The client has dropped the page.
                return response
            self.large_written[-1] += self.sizes[number] >= 1024 * KIB
        return response


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
async def kube(objects: Objects) -> AsyncIterator[Kube]:
    async with client_of(objects.list) as kube:
        yield kube


async def names(kube: Kube) -> list[str]:
    """Returns the names of all listed Jobs."""
    return [one["metadata"]["name"] async for page in kube.list(JOBS) for one in page.items]


def every(count: int) -> list[str]:
    return [str(number) for number in range(count)]


async def test_small_objects_take_few_requests(kube: Kube, objects: Objects) -> None:
    objects.sizes = [100] * 30_000
    assert await names(kube) == every(30_000)
    assert len(objects.limits) <= 30_000 / MAX_OBJECTS + 4
    assert max(objects.limits) == MAX_OBJECTS


async def test_the_next_list_starts_with_the_size_of_the_last_one(kube: Kube, objects: Objects) -> None:
    objects.sizes = [4 * KIB] * 1_000
    await names(kube)
    objects.limits.clear()
    assert await names(kube.without_retries().with_callback(lambda: None)) == every(1_000)
    assert len(objects.limits) <= 1_000 * 4.2 * KIB / PAGE_BYTES + 1


@pytest.mark.parametrize(
    "sizes",
    [
        [100] * 1_000 + [1024 * KIB] * 20,
        [*([100] * 50 + [1536 * KIB]) * 10],
        [9 * 1024 * KIB, *[100] * 700, 9 * 1024 * KIB],
    ],
    ids=["large objects last", "large objects between small ones", "objects larger than a page"],
)
async def test_a_page_beyond_the_size_limit_is_requested_with_fewer_objects(
    kube: Kube, objects: Objects, sizes: list[int]
) -> None:
    objects.sizes = sizes
    assert await names(kube) == every(len(sizes))
    # Every large object costs a bounded number of further requests.
    large = sum(size > 512 * KIB for size in sizes)
    assert len(objects.limits) <= 8 * large + len(sizes) / 16 + 8


async def test_the_transfer_of_a_too_large_page_is_aborted(kube: Kube, objects: Objects) -> None:
    read = list[int]()

    class Reader(BoundedReader):
        def read(self, data: bytes) -> Any:
            read.append(len(data))
            return super().read(data)

    kube = kube.with_reader(Reader(Bounds()))
    objects.sizes = [100] * 700 + [1024 * KIB] * 60
    pages = [page async for page in kube.list(JOBS)]
    assert sum(len(page.items) for page in pages) == 760
    assert max(read) <= MAX_PAGE_BYTES
    # A dropped page takes what lies in the buffers of the sockets, too, which the kernel sizes.
    assert max(objects.large_written) < 30, "a page that is dropped costs only a few of its 60 large objects"


async def test_pages_are_not_compressed(kube: Kube, objects: Objects) -> None:
    objects.sizes = [100]
    await names(kube)
    assert objects.encodings == {"identity"}


async def test_each_resource_has_its_own_page_size(kube: Kube, objects: Objects) -> None:
    objects.sizes = [100] * 100
    await names(kube)
    objects.limits.clear()
    assert [page async for page in kube.list(PODS)]
    assert objects.limits[0] == FIRST_OBJECTS


@pytest.mark.parametrize(
    ("limit", "count", "size", "expected"),
    [
        (8, 8, 8 * 1_000, 32),
        (100, 100, PAGE_BYTES, 100),
        (100, 50, PAGE_BYTES, 50),
        (400, 400, 400, MAX_OBJECTS),
        (1, 1, 9 * 1024 * KIB, 1),
        (8, 0, 60, 8),
    ],
)
def test_the_limit_follows_from_the_size_of_the_last_page(limit: int, count: int, size: int, expected: int) -> None:
    assert next_limit(limit, count, size) == expected
