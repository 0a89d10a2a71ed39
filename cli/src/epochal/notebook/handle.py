"""The base class of TrainingJobs, Experiments and ModelServers in a notebook."""

import time
from collections.abc import Mapping
from copy import deepcopy
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from epochal_api.catalogue.findings import to_text
from epochal_api.text import printable

from epochal.client import connect
from epochal.client.kinds import Kind
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.views import progress

if TYPE_CHECKING:
    from epochal.client.cluster import Cluster
    from epochal.client.references import Found

DELETE_SECONDS = 60.0
"""Maximum seconds that `delete` waits until the object no longer exists."""


class Place(NamedTuple):
    """The cluster and namespace of a handle. `connect` replaces None by the default.

    Args:
        namespace: Namespace; None for $EPOCHAL_NAMESPACE, or that of the context.
        context: Context of the kubeconfig; None for $EPOCHAL_CONTEXT, or the current one.
        environment: Streams, variables and folder.
    """

    namespace: str | None
    context: str | None
    environment: Environment


class Handle:
    """An object of Epochal in a notebook. After `submit`, it also exists in the cluster.

    Args:
        document: The object as plain values, as in a manifest.
        namespace: Namespace of the object. Default: that of the document, $EPOCHAL_NAMESPACE or that of the kubeconfig.
        context: Context of the kubeconfig. Default: $EPOCHAL_CONTEXT, or the current one.
        environment: Streams, variables and folder. Default: those of the process.

    Attributes:
        document: The object as plain values, as last read from the cluster if it is submitted.
        place: The cluster and namespace of the object.

    Raises:
        EpochalError: If the document is invalid.
    """

    kind: ClassVar[Kind]
    """The kind of the object, such as TrainingJob."""

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        namespace: str | None = None,
        context: str | None = None,
        environment: Environment | None = None,
    ) -> None:
        _require_valid(document, self.kind)
        self.document = deepcopy(dict(document))
        metadata = self.document["metadata"]
        if namespace is not None and "namespace" in metadata:
            metadata["namespace"] = namespace  # The argument wins over the document.
        self.place = Place(namespace or metadata.get("namespace"), context, environment or Environment())

    @classmethod
    def get(
        cls,
        name: str,
        *,
        namespace: str | None = None,
        context: str | None = None,
        environment: Environment | None = None,
    ) -> Self:
        """Return the handle for an object that exists in the cluster, by its name.

        Raises:
            EpochalError: If there is no such object. The message suggests similar names.
        """
        from epochal.client.references import find  # noqa: PLC0415 - only the cluster needs its client

        environment = environment or Environment()
        cluster = connect(environment, context=context, namespace=namespace)
        found = find(cluster, name, [cls.kind])
        handle = cls.__new__(cls)  # An object of the API server needs no check.
        handle.document = found.object
        handle.place = Place(cluster.namespace, context, environment)
        return handle

    @classmethod
    def read(
        cls,
        path: Path | str,
        *,
        namespace: str | None = None,
        context: str | None = None,
        environment: Environment | None = None,
    ) -> Self:
        """Return the handle for the only object of this kind in a file.

        Raises:
            EpochalError: If the file is unreadable, or does not have exactly one object of this kind.
        """
        from epochal.manifests import read  # noqa: PLC0415 - most notebooks read no file

        environment = environment or Environment()
        documents = [each.document for each in read(environment.path(path)) if each.object.kind == cls.kind.name]
        if len(documents) != 1:
            raise EpochalError(
                f"{path} must have one {cls.kind.name}, found {len(documents)}",
                f"Write the {cls.kind.name} into a file of its own.",
            )
        return cls(documents[0], namespace=namespace, context=context, environment=environment)

    @cached_property
    def cluster(self) -> "Cluster":
        """The connection to the cluster, with the permissions of the user's kubeconfig."""
        return connect(self.place.environment, context=self.place.context, namespace=self.place.namespace)

    @property
    def name(self) -> str:
        """Name of the object."""
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Namespace of the object."""
        return self.place.namespace or self.cluster.namespace

    @property
    def spec(self) -> dict[str, Any]:
        """The spec as plain values."""
        spec: dict[str, Any] = self.document["spec"]
        return spec

    @property
    def yaml(self) -> str:
        """The object without its status as YAML, for `kubectl apply` and `epochal submit`."""
        from epochal.manifests import write  # noqa: PLC0415 - most notebooks write no file

        return write({key: value for key, value in self.document.items() if key != "status"}, {})

    def submit(self) -> Self:
        """Create the object in the cluster, and return this handle.

        Raises:
            EpochalError: If the API server refuses the object, or an object of this name exists.
        """
        self.create()
        return self

    def create(self, *, dry_run: bool = False) -> None:
        """Create the object in the cluster.

        Args:
            dry_run: Whether the API server only checks the object, and does not create it.

        Raises:
            EpochalError: If the API server refuses it, or an object of this name exists.
        """
        from epochal.client.failures import ApiError  # noqa: PLC0415 - only the cluster needs its client
        from epochal.tasks.submit import submit  # noqa: PLC0415

        try:
            for created in submit(self.cluster, [self.document], dry_run=dry_run):
                if not dry_run:
                    self.document = created.object
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            kind = type(self).__name__
            raise EpochalError(
                error.message,
                f"Use it: {kind}.get({self.name!r}); delete it: {kind}.get({self.name!r}).delete(), which keeps its "
                "results; or take another name.",
                exit_code=error.exit_code,
            ) from None

    def refresh(self) -> Self:
        """Read the object from the cluster again, and return this handle.

        Raises:
            EpochalError: If the object is not in the cluster.
        """
        self.document = self.cluster.get(self.kind, self.name, self.place.namespace)
        return self

    @property
    def status(self) -> dict[str, Any]:
        """The current status of the object in the cluster; empty before the operator has written it."""
        return dict(self.refresh().document.get("status") or {})

    @property
    def state(self) -> str:
        """Current state of the object in the cluster, such as Running; "Pending" before the operator has written it."""
        return progress.state(self.refresh().document)

    def watch(self) -> Self:
        """Show the progress until the object ends, and return this handle. A keyboard interrupt ends only the view.

        In Jupyter with ipywidgets it draws a bar and curves, elsewhere it prints a line for each epoch.

        Raises:
            EpochalError: If the object fails or is deleted. The message has the reason.
        """
        from epochal.notebook.watch_view import watch_view  # noqa: PLC0415 - only a watch needs its view
        from epochal.tasks.watch import watch_objects  # noqa: PLC0415

        found = self.stored()
        code = watch_objects(self.cluster, [found], watch_view(self.place.environment, self.name))
        if code == ExitCode.NOT_FOUND:
            raise EpochalError(f"{found} was deleted.", exit_code=code)
        self.refresh()
        if code != ExitCode.DONE:
            cause = progress.reason(self.document) or progress.state(self.document)
            raise EpochalError(f"{found} has failed: {cause}", f"`epochal events {self.name}` has more.")
        return self

    def delete(self) -> None:
        """Delete the object from the cluster, and wait for the end of the deletion. Its results stay in the bucket.

        Raises:
            EpochalError: If there is no such object, or it still exists after DELETE_SECONDS.
        """
        from epochal.client.failures import ApiError  # noqa: PLC0415 - only the cluster needs its client

        uid = str(self.refresh().document["metadata"].get("uid") or "")
        self.cluster.delete(self.kind, self.name, namespace=self.place.namespace, uid=uid)
        end = time.monotonic() + DELETE_SECONDS
        while time.monotonic() < end:
            try:
                found = self.cluster.get(self.kind, self.name, self.place.namespace)
            except ApiError as error:
                if error.is_object_missing:
                    return
                raise
            if uid and found["metadata"].get("uid") != uid:
                return
            self.place.environment.sleep(0.5)
        raise EpochalError(
            f"{self.kind.name} {self.name} still exists {DELETE_SECONDS:.0f} s after its deletion.",
            f"`epochal events {self.name}` has the reason.",
        )

    def stored(self) -> "Found":
        """Read the object from the cluster again, and return it as a `Found`, which functions of the command take.

        Raises:
            EpochalError: If it is not in the cluster.
        """
        from epochal.client.references import Found  # noqa: PLC0415 - only the cluster needs its client

        return Found(self.kind, self.name, self.refresh().document)

    def __repr__(self) -> str:
        return f"{self.kind.name} {self.name}: {self._summary()}"

    def _repr_html_(self) -> str:
        return f"<b>{self.kind.name} {escape(self.name)}</b>: {escape(self._summary())}"

    def _summary(self) -> str:
        """Return the state and figures of the object as last read from the cluster, or "not submitted".

        It sends no request, because a notebook calls it to show the last value of a cell.
        """
        if "uid" not in self.document["metadata"]:
            return "not submitted"
        return progress.line(self.document, self.place.environment.now())


def _require_valid(document: Mapping[str, Any], kind: Kind) -> None:
    from epochal.manifests import check  # noqa: PLC0415 - objects of the cluster need no catalogue

    if not isinstance(document, Mapping) or document.get("kind") != kind.name:
        found = document.get("kind") if isinstance(document, Mapping) else type(document).__name__
        raise EpochalError(f"the document must be a {kind.name}, found {printable(str(found)[:63])}")
    if found := [problem for problem in check(document) if not problem.is_warning]:
        raise EpochalError(f"the {kind.name} has problems:\n{to_text(found)}", "Correct these fields.")
