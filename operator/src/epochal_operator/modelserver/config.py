"""What a server is told: the annotation of its pod."""

from epochal_api import server_config, server_pod
from epochal_api.modelserver import InvalidModelServer, ModelServer
from epochal_api.modelserver_status import ServedModel
from epochal_api.server_config import ServerConfig

CONVERTED = f"{server_pod.MODEL_FOLDER}/model.onnx"
"""Where the init container leaves a model that it has converted."""


class NoStorageEndpoint(InvalidModelServer):
    """It names no storage endpoint, and there is no default: either may be mended."""


def is_converted(model: ServedModel) -> bool:
    """Returns whether a model is converted as its pod starts."""
    return model.runtime == "ONNX" and not model.uri.endswith(".onnx")


def config(server: ModelServer, model: ServedModel, storage_endpoint: str | None) -> ServerConfig:
    """Returns what a server is told.

    Args:
        server: The ModelServer.
        model: The model that it serves.
        storage_endpoint: S3 service of those that name none, if there is one.

    Raises:
        NoStorageEndpoint: If no storage endpoint is known.
    """
    spec, metadata = server.spec, server.metadata
    endpoint = spec.storage.endpoint or storage_endpoint
    if endpoint is None:
        raise NoStorageEndpoint(
            "spec.storage.endpoint: must be given, since Epochal was installed without a default (storage.endpoint of "
            "its chart)"
        )
    return ServerConfig(
        name=metadata.name,
        namespace=metadata.namespace,
        runtime=model.runtime,
        source=server_config.Source(
            uri=model.uri,
            sha256=model.sha256,
            model=model.model,
            signature=model.signature,
            signature_sha256=model.signature_sha256,
        ),
        storage=server_config.StorageConfig(endpoint=endpoint, region=spec.storage.region),
        images=spec.images.mode,
        classes=spec.classes or None,
        batching=server_config.Batching(**spec.batching.model_dump(by_alias=False)),
        limits=server_config.Limits(**spec.limits.model_dump(by_alias=False)),
        auth=spec.auth is not None,
        tls=spec.tls is not None,
        path=CONVERTED if is_converted(model) else "",
    )


def encode(told: ServerConfig) -> str:
    """Returns it as JSON, without what is the default: a version that has more of those changes no pod by it."""
    return told.model_dump_json(exclude_defaults=True)
