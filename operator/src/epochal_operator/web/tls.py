"""What the progress endpoint serves TLS with: kept in one Secret, renewed in time, loaded without a restart."""

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
"""Annotation of the Secret that asks for an exchange of the authority: prepare, then finish; each goes once done."""
CHECK_SECONDS = 60.0
"""Whoever asks for an exchange is not to wait long; what is renewed in time needs no hurry."""
RETRY_SECONDS = 5.0
TRIES = 5
"""How often to start over when another replica has changed the Secret meanwhile."""

_log = logging.getLogger(__name__)


async def ensure(kube: Kube, namespace: str, name: str, names: Sequence[str], known: Bundle | None = None) -> Bundle:
    """Returns the bundle in a Secret, after renewing what is due.

    Two replicas may do this at once: the one that writes second finds the other's bundle and takes it.

    Args:
        kube: The API server.
        namespace: Namespace of the Secret.
        name: Name of the Secret. It must exist; it may be empty.
        names: DNS names that the certificate must hold.
        known: The bundle in use, which goes back into a Secret that has lost it: pods out there trust its authority.

    Raises:
        ApiError: If the Secret does not exist, may not be read or written, or changes again and again.
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
        # What is asked for goes in the write that carries it out: left behind, it would be carried out again one day.
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
    """The certificate that the progress endpoint serves, kept valid while the process runs.

    Args:
        kube: The API server.
        namespace: Namespace of the Secret.
        secret: Name of the Secret.
        service: The service that it stands for: NAME.NAMESPACE.svc.

    Attributes:
        context: What to serve with; renewals change it in place.
        loaded: Set once there is a certificate.
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
        """What a client must trust, as PEM: the authority, and the next one, if there is one.

        Raises:
            RuntimeError: If nothing is loaded yet.
        """
        if self._bundle is None:
            raise RuntimeError("the certificate is not loaded yet")
        return self._bundle.trusted.decode()

    async def load(self) -> None:
        """Renews what is due and loads it: connections made from now on get it.

        Raises:
            ApiError: As `ensure` does; what was loaded before goes on serving.
        """
        bundle = await ensure(self._kube, self._namespace, self._secret, self._names, self._bundle)
        if bundle != self._bundle:
            load_bundle(self.context, bundle)
            self._bundle = bundle
            self.loaded.set()

    async def keep(self) -> None:
        """Loads the certificate and keeps it valid, until cancelled; an API server that is away is asked again."""
        while True:
            try:
                await self.load()
            except ApiError as error:
                _log.warning("the certificate was not checked: %s", error)
                await asyncio.sleep(RETRY_SECONDS if self._bundle is None else CHECK_SECONDS)
            else:
                await asyncio.sleep(CHECK_SECONDS)


def load_bundle(context: ssl.SSLContext, bundle: Bundle) -> None:
    """Puts a bundle's certificate and key into a context."""
    # The ssl module takes files only. This one lies in memory: the key touches no disk and none need be writable.
    file = os.memfd_create("tls.pem")
    try:
        os.write(file, bundle.key + bundle.certificate)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
