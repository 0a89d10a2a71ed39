"""The admission policy that warns about storage endpoints without TLS, in the API server's own CEL."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.admission import OLDEST_KUBERNETES, Policy
from tests.unit.chart.conftest import DIGITS

Render = Callable[..., Any]
Object = dict[str, Any]

NAME = "epochal-plain-http"
HTTP, HTTPS = "http://minio:9000", "https://minio:9000"


def document(kind: str, endpoint: str | None) -> Object:
    """Return an object of a kind with an endpoint of its storage, or without one."""
    spec: Object = {"storage": {"endpoint": endpoint} if endpoint else {}}
    spec = {"template": {"spec": spec}} if kind == "Experiment" else spec
    return DIGITS | {"kind": kind, "spec": spec}


def messages(render: Render, kind: str, endpoint: str | None, before: str | None = None, **values: Any) -> list[str]:
    """Return the warnings about a new object, or about the change of an object with the endpoint `before`."""
    with Policy(render(**values).one("ValidatingAdmissionPolicy", NAME), OLDEST_KUBERNETES) as policy:
        review = policy.review(document(kind, endpoint), document(kind, before) if before else None)
    assert not review.failed
    return list(review.denied)


@pytest.mark.parametrize(
    ("kind", "place"),
    [("TrainingJob", "spec"), ("Experiment", "spec.template.spec"), ("ModelServer", "spec")],
)
def test_plain_http_is_named(render: Render, kind: str, place: str) -> None:
    (message,) = messages(render, kind, HTTP)
    assert message.startswith(f"{place}.storage.endpoint: use https, because others on the network can read")
    assert message.endswith(f"Found {HTTP}")
    assert "\n" not in message
    assert not messages(render, kind, HTTPS)


def test_the_default_endpoint_counts(render: Render) -> None:
    assert messages(render, "TrainingJob", None, storage={"endpoint": HTTP})
    assert not messages(render, "TrainingJob", HTTPS, storage={"endpoint": HTTP})
    assert not messages(render, "TrainingJob", None)


def test_a_known_endpoint_is_not_named_again(render: Render) -> None:
    assert not messages(render, "TrainingJob", HTTP, before=HTTP)
    assert messages(render, "TrainingJob", HTTP, before=HTTPS)


def test_the_policy_warns_and_never_refuses(render: Render) -> None:
    rendered = render()
    binding = rendered.one("ValidatingAdmissionPolicyBinding", NAME)["spec"]
    assert binding == {"policyName": NAME, "validationActions": ["Warn"]}
    assert rendered.one("ValidatingAdmissionPolicy", NAME)["spec"]["failurePolicy"] == "Ignore"


def test_required_tls_needs_no_warning(render: Render) -> None:
    assert NAME not in render(storage={"requireTLS": True}).text
