"""The stored results of a training in the status: the URIs of files in a trainer's report, up to a maximum size."""

from collections.abc import Sequence

from epochal_api.signature import SIGNATURE
from epochal_api.trainingjob import report as reports
from epochal_api.trainingjob.report import Report
from epochal_api.trainingjob.status import (
    MAX_EXPORTS,
    MAX_MODELS,
    Export,
    ExportedModel,
    StoredModel,
    StoredResults,
    StoredSignature,
)

from epochal_operator.runtime.reasons import sanitize_message
from epochal_operator.trainingjob.progress.reported_metrics import json_size, metric_texts

MAX_URI_BYTES = 1100
"""Maximum bytes of a URI. A longer URI is left out. A bucket's name has at most 63 bytes, and an S3 key 1,024."""
MAX_URI_SIZE = 2 * MAX_URI_BYTES
"""Maximum bytes of a URI as JSON, which needs six bytes for some characters."""
MAX_MODELS_BYTES = 2560
"""Maximum bytes of the models' URIs and test metrics as JSON: enough for two URIs in any bucket. More are left out."""
MAX_EXPORTS_BYTES = 5120
"""Maximum bytes of the URIs of exports and the signature as JSON: enough unless the S3 keys are very long."""


def stored_results(report: Report, artifacts: reports.Artifacts, names: list[str]) -> StoredResults | None:
    """Return the stored results of a report, or None if the URI of their folder is missing or beyond its limits.

    Files beyond the limits are omitted.

    Args:
        report: The report of a trainer.
        artifacts: The URIs of the results in the report.
        names: The names of the metrics that the status may contain.
    """
    texts = (artifacts.uri, artifacts.model, artifacts.log)
    uri, model, log = (text if text and _is_uri_within_limits(text) else None for text in texts)
    if not uri:
        return None
    models = _models(uri, report.models or (), names) or None
    signature = _signature(uri, report.signature or (report.export.signature if report.export else None))
    if report.export is None:
        return StoredResults(uri=uri, model=model, log=log, models=models, signature=signature)
    exports = _exports(uri, report.export, MAX_EXPORTS_BYTES - (json_size(signature.uri) if signature else 0))
    export = Export(reason=report.export.reason, message=sanitize_message(report.export.message))
    return StoredResults(
        uri=uri, model=model, log=log, models=models, exports=exports or None, signature=signature, export=export
    )


def _models(folder: str, reported: Sequence[reports.StoredModel], names: list[str]) -> list[StoredModel]:
    models: dict[str, StoredModel] = {}
    bytes_left = MAX_MODELS_BYTES
    for model in reported[:MAX_MODELS]:
        uri = _object_uri(folder, model.name)
        bytes_left -= json_size(uri)
        if bytes_left >= 0 and _is_uri_within_limits(uri):
            models[model.name] = StoredModel(name=model.name, uri=uri, epoch=model.epoch, sha256=model.sha256)
    for model in reported[:MAX_MODELS]:
        test = metric_texts(model.test, names) or {}
        bytes_left -= sum(json_size(name) + json_size(text) for name, text in test.items())
        if test and bytes_left >= 0 and model.name in models:
            models[model.name] = models[model.name].model_copy(update={"test": test})
    return list(models.values())


def _signature(folder: str, sha256: str | None) -> StoredSignature | None:
    uri = _object_uri(folder, SIGNATURE)
    return StoredSignature(uri=uri, sha256=sha256) if sha256 is not None and _is_uri_within_limits(uri) else None


def _exports(folder: str, reported: reports.Export, bytes_left: int) -> list[ExportedModel]:
    exports: dict[str, ExportedModel] = {}
    for export in reported.exports[:MAX_EXPORTS]:
        uri = _object_uri(folder, export.name)
        bytes_left -= json_size(uri)
        if bytes_left >= 0 and _is_uri_within_limits(uri):
            exports[export.name] = ExportedModel(
                name=export.name,
                model=export.model,
                format=export.format,
                uri=uri,
                sha256=export.sha256,
                difference=None if export.difference is None else f"{export.difference:.2g}",
            )
    return list(exports.values())


def _object_uri(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _is_uri_within_limits(text: str) -> bool:
    return len(text.encode()) <= MAX_URI_BYTES and json_size(text) <= MAX_URI_SIZE
