"""The TLS certificate of the progress endpoint: stored in a Secret, renewed in time, loaded without a restart."""

import asyncio
import logging
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime

from epochal_api.kind import GROUP

from epochal_operator.runtime.errors import ApiError, Conflict, NotFound
from epochal_operator.runtime.kube import Kube, Object
from epochal_operator.runtime.resource import SECRETS
from epochal_operator.web.certificates import KEYS, Bundle, Rotation, due, service_names

ROTATION_ANNOTATION = f"{GROUP}/rotate-authority"
"""Secret annotation that requests a rotation of the authority (prepare, then finish). It is removed once done."""
CHECK_SECONDS = 60.0
"""Seconds between checks of the Secret, short so that a requested rotation starts soon."""
RETRY_SECONDS = 5.0
TRIES = 5
"""Attempts to write the Secret when other replicas change it at the same time."""

_log = logging.getLogger(__name__)


async def ensure(kube: Kube, namespace: str, name: str, names: Sequence[str], known: Bundle | None = None) -> Bundle:
    """Return the bundle in a Secret, after due renewals and a requested rotation step.

    If two replicas renew at the same time, the second one finds the first one's bundle and uses it.

    Args:
        kube: The API server.
        namespace: Namespace of the Secret.
        name: Name of the Secret. It must exist; it may be empty.
        names: DNS names that the certificate must contain.
        known: The bundle in use. It is restored if the Secret has lost it, because running pods trust its authority.

    Raises:
        ApiError: If the Secret does not exist, cannot be read or written, or changes at each attempt.
    """
    for _ in range(TRIES):
        try:
            secret = await kube.get(SECRETS, namespace, name)
        except NotFound as error:
            message = (
                f"Secret {name} must exist in namespace {namespace}, empty at first: the chart creates it, and helm "
                "upgrade does so again if it was deleted"
            )
            raise NotFound(error.status, error.reason, message) from error
        data = secret.get("data") or {}
        found = Bundle.from_secret(data)
        rotation = _rotation(secret)
        made, why = due(found, known, names, rotation, datetime.now(UTC))
        if made == found and rotation is None:
            return made
        others = {key: value for key, value in data.items() if key not in KEYS}
        # Remove the annotation in the same write: a leftover request would run again later.
        metadata = _without_rotation(secret["metadata"]) if rotation else secret["metadata"]
        try:
            await kube.replace(SECRETS, secret | {"metadata": metadata, "data": others | made.to_secret()})
        except Conflict:
            continue
        _log.info("wrote Secret %s: %s", name, why or "what was asked for is there already")
        return made
    raise Conflict(409, "Conflict", f"Secret {name} in namespace {namespace} changes faster than it can be written")


def _without_rotation(metadata: Object) -> Object:
    annotations = {name: text for name, text in metadata["annotations"].items() if name != ROTATION_ANNOTATION}
    return {**metadata, "annotations": annotations}


def _rotation(secret: Object) -> Rotation | None:
    asked = (secret["metadata"].get("annotations") or {}).get(ROTATION_ANNOTATION)
    match asked:
        case None | "prepare" | "finish":
            return asked
    _log.warning("the annotation %s of the Secret must be prepare or finish, found %r", ROTATION_ANNOTATION, asked)
    return None


class ServingCertificate:
    """The certificate of the progress endpoint, which is kept valid while the process runs.

    Args:
        kube: The API server.
        namespace: Namespace of the Secret.
        secret: Name of the Secret.
        service: The Service of the progress endpoint, as NAME.NAMESPACE.svc.

    Attributes:
        context: TLS context of the server. Renewals update it in place.
        loaded: Set once a certificate is loaded.
    """

    def __init__(self, kube: Kube, namespace: str, secret: str, service: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._secret = secret
        self._names = service_names(service)
        self._bundle: Bundle | None = None
        self.loaded = asyncio.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3

    @property
    def authority(self) -> str:
        """The certificates that clients must trust, as PEM: the authority and the next authority, if any.

        Raises:
            RuntimeError: If no certificate is loaded.
        """
        if self._bundle is None:
            raise RuntimeError("the certificate is not loaded yet")
        return self._bundle.trusted.decode()

    async def load(self) -> None:
        """Renew and load the certificate for new connections.

        Raises:
            ApiError: As for `ensure`. The previously loaded certificate stays in use.
        """
        bundle = await ensure(self._kube, self._namespace, self._secret, self._names, self._bundle)
        if bundle != self._bundle:
            load_bundle(self.context, bundle)
            self._bundle = bundle
            self.loaded.set()

    async def keep(self) -> None:
        """Load the certificate and keep it valid until cancelled; retry after errors of the API server."""
        while True:
            try:
                await self.load()
            except ApiError as error:
                _log.warning("the certificate was not checked: %s", error)
                await asyncio.sleep(RETRY_SECONDS if self._bundle is None else CHECK_SECONDS)
            else:
                await asyncio.sleep(CHECK_SECONDS)


def load_bundle(context: ssl.SSLContext, bundle: Bundle) -> None:
    """Load a bundle's certificate and key into a TLS context."""
    # The ssl module reads only files. This file is in memory, so the key is on no disk and no writable disk is needed.
    file = os.memfd_create("tls.pem")
    try:
        os.write(file, bundle.key + bundle.certificate)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
