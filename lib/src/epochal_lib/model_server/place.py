"""The location of an object in a bucket."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from epochal_lib.model_server.errors import ServeError


@dataclass(frozen=True)
class Place:
    """The location of an object in a bucket."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> "Place":
        """Return the location that a URI of the form s3://BUCKET/KEY names.

        Raises:
            ServeError: InvalidConfig, if the URI has another form.
        """
        address = urlsplit(uri)
        key = uri.removeprefix(f"s3://{address.netloc}/")
        if address.scheme != "s3" or not address.netloc or not key or key == uri:
            message = f"spec.source.uri: must be s3://BUCKET/KEY, found {uri!r}: correct the URI"
            raise ServeError("InvalidConfig", message)
        return cls(address.netloc, key)

    def beside(self, name: str) -> "Place":
        """Return the location of the object with another name in the same folder."""
        return Place(self.bucket, f"{self.key.rpartition('/')[0]}/{name}".lstrip("/"))

    @property
    def name(self) -> str:
        """The part of the key after the last slash."""
        return self.key.rpartition("/")[2]

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"
