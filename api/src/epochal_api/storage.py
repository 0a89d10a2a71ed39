"""The S3 service, and the objects in its buckets."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from epochal_api.model import (
    UNSTORED_DEFAULT,
    Model,
    ObjectName,
    Rule,
    admission,
    cel,
    is_one_set,
    matching,
    set_fields,
)
from epochal_api.quoted import TEXT_IN_QUOTES, matching_in_quotes
from epochal_api.text import PRINTABLE_PATTERN

BUCKET_PATTERN = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
SPLIT_PATTERN = r"^0?\.[0-9]*[1-9][0-9]*$"
ENDPOINT_PATTERN = r"^https?://[^/?#@\s\p{C}\p{Zl}\p{Zp}]+/?$"
"""Pattern of the address of an S3 service: http or https, without a user and password, which belong in a Secret."""


_SCHEME = "s3://"
_PARENT = Rule(
    "!self.startsWith('/') && !self.split('/').exists(part, part == '..')",
    "must be relative, without a '..' segment",
    ("self",),
)
_KEY = Rule(f"!self.startsWith('{_SCHEME}')", "must be a key in the bucket, without s3://BUCKET/", ("self",))
_BUCKET_NAME = "must be the name of a bucket: lower-case letters, digits, dots and hyphens, without s3://"


def _check_key(key: str) -> str:
    """Return a key or prefix in a bucket; raise ValueError if it is a URI, begins with / or has a .. segment."""
    _PARENT.require(holds=not key.startswith("/") and ".." not in key.split("/"), found=repr(key))
    if key.startswith(_SCHEME):
        bucket, _, rest = key.removeprefix(_SCHEME).partition("/")
        remedy = f"write {rest}, and bucket: {bucket}" if rest else f"omit it, and write bucket: {bucket}"
        raise ValueError(f"{_KEY.message}: {remedy}, found {key!r}")
    return key


def _check_bucket(bucket: Any) -> Any:
    """Return the name of a bucket; raise ValueError if it is a URI."""
    if isinstance(bucket, str) and bucket.startswith(_SCHEME):
        name, _, rest = bucket.removeprefix(_SCHEME).partition("/")
        prefix = f", and prefix: {rest.rstrip('/')}/ for the folder" if rest.strip("/") else ""
        raise ValueError(f"{_BUCKET_NAME}: write {name}{prefix}, found {bucket!r}")
    return bucket


Bucket = Annotated[
    str, BeforeValidator(_check_bucket), matching(BUCKET_PATTERN, _BUCKET_NAME, min_length=3, max_length=63)
]
Prefix = Annotated[
    str,
    StringConstraints(max_length=512, pattern=PRINTABLE_PATTERN),
    AfterValidator(_check_key),
    Field(json_schema_extra=cel(_PARENT, _KEY)),
]
Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512, pattern=PRINTABLE_PATTERN),
    AfterValidator(_check_key),
    Field(json_schema_extra=cel(_PARENT, _KEY)),
]
Endpoint = Annotated[
    str,
    matching(
        ENDPOINT_PATTERN,
        "must be http://HOST[:PORT] or https://HOST[:PORT], without a path",
        min_length=1,
        max_length=512,
        is_shown=False,  # It may contain a password.
    ),
]


class SecretRef(Model):
    """A Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""


class ConfigMapKeyRef(Model):
    """A key of a ConfigMap in the same namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = "ca.crt"
    """Key of the ConfigMap that holds PEM certificates. Default: ca.crt."""


class StorageService(Model):
    """An S3 service for buckets."""

    endpoint: Endpoint | None = None
    """Address of the S3 service, such as https://minio.minio.svc:9000. Default: the one of Epochal's installation."""
    region: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")] = "us-east-1"
    """Region for which requests are signed. Default: us-east-1."""
    secret_ref: SecretRef
    """Secret with the credentials: its keys are accessKey, secretKey and, for temporary credentials, sessionToken."""
    ca_config_map_ref: ConfigMapKeyRef | None = None
    """ConfigMap with the certificate authority of an https endpoint without a publicly trusted certificate."""


class Storage(StorageService):
    """The S3 service that holds the data bucket and the results bucket."""

    timeout_seconds: Annotated[int, Field(ge=1, le=30 * 24 * 3600)] = 3600
    """Seconds to wait and retry while the service does not answer or is full; then the job fails. Default: 3600."""


_FEATURES_AND_LABELS = Rule(
    "has(self.features) == has(self.labels)",
    "features and labels must be given together",
    (set_fields("features", "labels"),),
)


class _Objects(Model):
    """Objects in the data bucket: one with features and labels, or one for each."""

    object: Key | None = None
    """Object with features and labels in one (npz, pickle), below data.prefix."""
    features: Key | None = None
    """Object with the features (idx), below data.prefix."""
    labels: Key | None = None
    """Object with the labels (idx), below data.prefix."""

    @model_validator(mode="after")
    def _check_features_and_labels(self) -> Self:
        _FEATURES_AND_LABELS.require(holds=(self.features is None) == (self.labels is None))
        return self


_OBJECT_OR_FEATURES = Rule(
    "has(self.object) != (has(self.features) || has(self.labels))",
    "give either object, or features and labels",
    (set_fields("object", "features", "labels"),),
)


class DataSet(_Objects):
    """A data set: one object with features and labels, or an object for each."""

    model_config = ConfigDict(json_schema_extra=cel(_OBJECT_OR_FEATURES, _FEATURES_AND_LABELS))

    @model_validator(mode="after")
    def _check_object_or_features(self) -> Self:
        _OBJECT_OR_FEATURES.require(holds=(self.object is None) != (self.features is None))
        return self

    def keys(self) -> list[str]:
        """Return the keys of the data set's objects, without `data.prefix`: one object, or features and then labels."""
        return [key for key in (self.object, self.features, self.labels) if key is not None]


_ONE_SOURCE = Rule(
    "[has(self.split), has(self.object), has(self.features) || has(self.labels)].filter(given, given).size() == 1",
    "give exactly one of split, object, or features and labels",
    (set_fields("split", "object", "features", "labels"),),
)
_STRATIFY_WITH_SPLIT = Rule(
    "!has(self.stratify) || !self.stratify || has(self.split)",
    "stratify requires split: a separate validation set is used unchanged",
    (set_fields("object", "features", "labels"),),
)


class Validation(_Objects):
    """The data for validation after each epoch: the last part of the training set, or its own data set."""

    model_config = ConfigDict(
        json_schema_extra=cel(_FEATURES_AND_LABELS) | admission(_ONE_SOURCE, _STRATIFY_WITH_SPLIT)
    )

    split: (
        Annotated[
            str,
            TEXT_IN_QUOTES,
            matching_in_quotes(
                SPLIT_PATTERN, 'must be a fraction between 0 and 1 as a string, such as "0.2"', max_length=16
            ),
        ]
        | None
    ) = None
    """Fraction of the training set for validation, as a string such as "0.166": its last part, in the order of the
    data, unless stratify or data.shuffle is set."""
    stratify: Annotated[bool, UNSTORED_DEFAULT] = False
    """Whether each class contributes its share to a split, drawn by training.seed. It needs labels with one class for
    each sample: class indices, one-hot rows, or 0 and 1. Default: false."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        _ONE_SOURCE.require(holds=is_one_set(self.split, self.object, self.features))
        _STRATIFY_WITH_SPLIT.require(holds=not self.stratify or self.split is not None)
        return self

    @property
    def data_set(self) -> DataSet | None:
        """The separate validation set; None if `split` selects a part of the training set."""
        if self.split is not None:
            return None
        return DataSet(object=self.object, features=self.features, labels=self.labels)


class Data(Model):
    """The data bucket and the data sets in it."""

    bucket: Bucket
    """Bucket that holds the data."""
    prefix: Prefix = ""
    """Prefix of every object's key, without an added slash: end it with a slash for a folder. Default: none."""
    format: Literal["auto", "idx", "npz", "pickle"] = "auto"
    """Format of the objects: idx, npz or pickle, which may be compressed with gzip. auto detects it by the first bytes.
    Default: auto."""
    train: DataSet
    """Data set to train on."""
    validation: Validation | None = None
    """Data for validation after each epoch. Default: none."""
    shuffle: Annotated[bool, UNSTORED_DEFAULT] = False
    """Whether the samples of the training set are shuffled by training.seed before validation.split takes the last part
    of them: for data sorted by class. Without a split it has no effect. In each epoch the batches are drawn in a new
    order in any case. Default: false."""
    test: DataSet | None = None
    """Data set for one evaluation of the trained network at the end."""


ExportFormat = Literal["onnx", "savedmodel"]
"""Format of an exported model for programs without Keras."""
_UNIQUE = Rule("self.all(name, self.exists_one(other, other == name))", "must name each format once", ("self",))


def _check_unique(formats: list[ExportFormat]) -> list[ExportFormat]:
    _UNIQUE.require(holds=len(set(formats)) == len(formats), found=", ".join(formats))
    return formats


class Results(Model):
    """Location of the trained model, its history and its log."""

    bucket: Bucket
    """Bucket for the results. It must exist and be writable; it is checked before training starts."""
    prefix: Prefix = ""
    """Folder in the bucket in which the job writes to NAMESPACE/NAME/UID/. Default: none."""
    best: Annotated[bool, UNSTORED_DEFAULT] = True
    """Whether the model of the best epoch is stored as best.keras, if model.keras contains another epoch.
    training.monitor defines the best epoch. A copy of the weights is kept in memory for it. Default: true."""
    exports: Annotated[
        list[ExportFormat],
        AfterValidator(_check_unique),
        Field(max_length=2, json_schema_extra=cel(_UNIQUE, default=None)),
    ] = ["onnx"]
    """Export formats for programs without Keras, stored next to each .keras file: onnx, which a ModelServer serves, and
    savedmodel, TensorFlow's own format as a zip file. An empty list saves the seconds of the export. If a model cannot
    be exported, the condition Exported gives the reason, and the training does not fail. A training that stops after
    stopAfterEpoch, before its last epoch, stores no exports. Default: onnx."""
    evaluation: Annotated[bool, UNSTORED_DEFAULT] = True
    """Whether the trained model is evaluated on the test set, or on the validation set without one, for
    evaluation.json, confusion.png and mistakes.png. It takes at most 5 % of the time of the training, or 2 s if that is
    more. An error in it does not fail the training. Not after stopAfterEpoch. Default: true."""

    def folder(self, *, namespace: str, name: str, uid: str) -> str:
        """Return the folder of a job's results in the bucket, without a slash at its end."""
        return "/".join(part for part in (self.prefix.strip("/"), namespace, name, uid) if part)
