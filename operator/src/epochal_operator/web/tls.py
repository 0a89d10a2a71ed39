"""The TLS certificate of the progress endpoint: stored in a Secret, renewed in time, loaded without a restart."""

import asyncio
import logging
import os
import ssl
from contextlib import suppress
from datetime import UTC, datetime

from epochal_api.kind import GROUP

from epochal_operator.runtime.api.errors import ApiError, Conflict, NotFound
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import SECRETS
from epochal_operator.web.certificates import KEYS, Bundle, Rotation, renew_due, service_names

ROTATION_ANNOTATION = f"{GROUP}/rotate-authority"
"""Annotation of the Secret that requests a step of the authority's rotation: prepare, later finish.

The operator removes the annotation after the step.
"""
CHECK_SECONDS = 60.0
"""Seconds between checks of the Secret, short so that a requested rotation starts soon."""
RETRY_SECONDS = 5.0
ATTEMPTS = 5
"""Maximum attempts to write the Secret while other replicas change it at the same time."""

_log = logging.getLogger(__name__)


class ServingCertificate:
    """The certificate of the progress endpoint, a Service NAME.NAMESPACE.svc, which `keep_valid` renews.

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
        """The certificates that clients must trust, as PEM: of the authority, and of the next authority if any.

        Raises:
            RuntimeError: If no certificate is loaded.
        """
        if self._bundle is None:
            raise RuntimeError("the certificate of the progress endpoint is not loaded yet")
        return self._bundle.trusted.decode()

    async def load(self) -> None:
        """Write due renewals and a requested rotation step to the Secret, and load its certificate for new connections.

        If two replicas renew at the same time, the second replica uses the certificate that the first has written.

        Raises:
            ApiError: If the Secret does not exist, cannot be read or written, or changes at each attempt. The
                previously loaded certificate stays in use.
        """
        for _ in range(ATTEMPTS):
            with suppress(Conflict):
                bundle = await self._renew()
                break
        else:
            message = f"Secret {self._secret} in namespace {self._namespace} changed during each of {ATTEMPTS} writes"
            raise Conflict(409, "Conflict", message)
        if bundle != self._bundle:
            load_bundle(self.context, bundle)
            self._bundle = bundle
            self.loaded.set()

    async def _renew(self) -> Bundle:
        """Write due renewals to the Secret and return its bundle; raise Conflict if another replica changes it."""
        try:
            secret = await self._kube.get(SECRETS, self._namespace, self._secret)
        except NotFound as error:
            message = (
                f"Secret {self._secret} must exist in namespace {self._namespace}: helm install and helm upgrade of "
                "the chart create an empty one"
            )
            raise NotFound(error.status, error.reason, message) from error
        data = secret.get("data") or {}
        annotations = dict(secret["metadata"].get("annotations") or {})
        rotation = _rotation(annotations.pop(ROTATION_ANNOTATION, None))
        stored = Bundle.from_secret(data)
        bundle, reason = renew_due(stored, self._bundle, self._names, rotation, datetime.now(UTC))
        if bundle == stored and rotation is None:
            return bundle
        other_data = {key: value for key, value in data.items() if key not in KEYS}
        # Remove the annotation in the same write: a leftover request would run again later.
        metadata = secret["metadata"] | ({"annotations": annotations} if rotation else {})
        await self._kube.replace(SECRETS, secret | {"metadata": metadata, "data": other_data | bundle.to_secret()})
        _log.info("wrote Secret %s: %s", self._secret, reason or f"the rotation step {rotation} is already done")
        return bundle

    async def keep_valid(self) -> None:
        """Load the certificate and keep it valid until cancelled; retry after errors of the API server."""
        while True:
            try:
                await self.load()
            except ApiError as error:
                _log.warning("cannot check the TLS certificate of the progress endpoint: %s", error)
            await asyncio.sleep(RETRY_SECONDS if self._bundle is None else CHECK_SECONDS)


def _rotation(requested: str | None) -> Rotation | None:
    match requested:
        case None | "prepare" | "finish":
            return requested
    _log.warning("annotation %s of the Secret must be prepare or finish, found %r", ROTATION_ANNOTATION, requested)
    return None


def load_bundle(context: ssl.SSLContext, bundle: Bundle) -> None:
    """Load a bundle's certificate and key into a TLS context."""
    # The ssl module reads only files. This file is in memory, so the key is on no disk and no writable disk is needed.
    file = os.memfd_create("tls.pem")
    try:
        os.write(file, bundle.key + bundle.certificate)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
