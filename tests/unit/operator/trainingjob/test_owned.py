"""The table of children: a second one is a row, and is watched, kept, made, put right and taken away by it."""

from typing import Any

from epochal_operator.runtime.api.errors import Invalid, NotFound
from epochal_operator.runtime.api.resource import Key, Resource
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Source
from epochal_operator.trainingjob.job import NAME_LABEL, batch_job
from epochal_operator.trainingjob.kind import training_jobs
from epochal_operator.trainingjob.owned import CHILDREN, Child
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from epochal_operator.trainingjob.trim import kept

from tests.unit.operator.api_server import ApiServer
from tests.unit.operator.fakes import term
from tests.unit.operator.objects import INSTALLATION, NOW

SERVICES = Resource("", "v1", "services", "Service")
KEY = Key("vision", "first")


class Server(ApiServer):
    """An API server that has Services, too."""

    def __init__(self, refusal: Invalid | None = None) -> None:
        super().__init__()
        self.wanted = True
        self.service: Any = None
        self.told: list[str] = []
        self._refusal = refusal
        children = (*CHILDREN, Child(SERVICES, lambda thing: kept(thing, thing["spec"]), self.build))
        self.kind = training_jobs(lambda: INSTALLATION, instance="test", children=children)
        self.store = store_for([self.kind])
        self.store.put(TRAINING_JOBS, self.put("first"))
        self.reconciler = Reconciler(
            term(self, self.store), lambda: INSTALLATION, instance="test", clock=lambda: NOW, children=children
        )

    def build(self, job: Any, installation: Any) -> Any:
        metadata = batch_job(job, installation)["metadata"]
        return {"metadata": metadata, "spec": {"clusterIP": "None"}} if self.wanted else None

    async def create_job(self, job: Any) -> Any:
        self.told.append("create Job")
        return await super().create_job(job)

    async def get_job(self, _: str, name: str) -> Any:
        return self._written(self.jobs[name])

    async def create_service(self, service: Any) -> Any:
        self.told.append("create Service")
        if self._refusal:
            raise self._refusal
        self.service = service
        service["metadata"] |= {"uid": "service"}
        return self._written(service)

    async def patch_service(self, *_: str, uid: str, spec: Any) -> Any:
        assert uid == "service"
        self.told.append(f"patch Service {spec}")
        self.service["spec"] |= spec
        return self._written(self.service)

    async def delete_service(self, *_: str, uid: str, resource_version: str) -> None:
        assert (uid, resource_version) == ("service", self.service["metadata"]["resourceVersion"])
        self.told.append("delete Service")
        self.service = None

    async def get_service(self, *_: str) -> Any:
        if self.service is None:
            raise NotFound(404, "NotFound", "gone")
        return self._written(self.service)


async def test_a_second_child_is_watched_and_made_before_the_job() -> None:
    server = Server()
    await server.reconciler.reconcile(KEY)
    assert Source(SERVICES, NAME_LABEL) in server.kind.sources
    assert server.told == ["create Service", "create Job"]
    known = server.store.get(SERVICES, KEY)
    assert known is not None
    assert known["spec"] == {"clusterIP": "None"}


async def test_a_second_child_is_put_right() -> None:
    server = Server()
    await server.reconciler.reconcile(KEY)
    server.service["spec"]["clusterIP"] = "10.0.0.1"
    server.store.put(SERVICES, await server.get_service())
    await server.reconciler.reconcile(KEY)
    assert server.told[2:] == ["patch Service {'clusterIP': 'None'}"]


async def test_a_second_child_that_is_needed_no_more_goes() -> None:
    server = Server()
    await server.reconciler.reconcile(KEY)
    server.wanted = False
    await server.reconciler.reconcile(KEY)
    assert server.told[2:] == ["delete Service"]
    assert server.store.get(SERVICES, KEY) is None


async def test_a_second_child_that_is_refused_holds_the_job_back_and_is_told() -> None:
    server = Server(Invalid(422, "Invalid", "no room"))
    await server.reconciler.reconcile(KEY)
    assert server.told == ["create Service"]
    ready = next(one for one in server.documents["first"]["status"]["conditions"] if one["type"] == "Ready")
    assert (ready["reason"], ready["message"]) == ("JobRejected", "The API server refuses its Service: no room")
