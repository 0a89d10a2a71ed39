"""The configuration of a ModelServer's server, which its pod contains as an annotation."""

from epochal_api.modelserver.config import Batching, Limits, ServerConfig, Source, StorageConfig
from epochal_api.modelserver.pod import MODEL_FOLDER
from epochal_api.modelserver.spec import InvalidModelServer, ModelServer
from epochal_api.modelserver.status import ServedModel

CONVERTED_MODEL = f"{MODEL_FOLDER}/model.onnx"
"""The path to which the init container writes a converted model."""


class NoStorageEndpoint(InvalidModelServer):
    """Neither the ModelServer (spec.storage.endpoint) nor the installation names an S3 endpoint. Both can change."""


def is_converted(model: ServedModel) -> bool:
    """Return whether an init container of the pod converts the model from Keras to ONNX before the server starts."""
    return model.runtime == "ONNX" and not model.uri.endswith(".onnx")


def server_config(server: ModelServer, model: ServedModel, storage_endpoint: str | None) -> ServerConfig:
    """Return the configuration that the server in a pod reads: model, storage, limits, authentication and TLS.

    Raises:
        NoStorageEndpoint: If neither the ModelServer nor the installation names an endpoint.
    """
    spec, metadata = server.spec, server.metadata
    endpoint = spec.storage.endpoint or storage_endpoint
    if endpoint is None:
        raise NoStorageEndpoint(
            "spec.storage.endpoint is required, because this installation of Epochal has no default S3 endpoint (Helm "
            "value storage.endpoint)"
        )
    return ServerConfig(
        name=metadata.name,
        namespace=metadata.namespace,
        runtime=model.runtime,
        source=Source(
            uri=model.uri,
            sha256=model.sha256,
            model=model.model,
            signature=model.signature,
            signature_sha256=model.signature_sha256,
        ),
        storage=StorageConfig(endpoint=endpoint, region=spec.storage.region),
        images=spec.images.mode,
        classes=spec.classes or None,
        batching=Batching(**spec.batching.model_dump(by_alias=False)),
        limits=Limits(**spec.limits.model_dump(by_alias=False)),
        auth=spec.auth is not None,
        tls=spec.tls is not None,
        path=CONVERTED_MODEL if is_converted(model) else "",
    )


def encode(config: ServerConfig) -> str:
    """Return a server configuration as JSON without default values.

    So a later version of Epochal with a new field, which has its default value, does not change and restart pods.
    """
    return config.model_dump_json(exclude_defaults=True)
