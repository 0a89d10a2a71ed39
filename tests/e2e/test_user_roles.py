"""The chart extends the cluster's roles `edit` and `view` with rights to TrainingJobs."""

import json

import pytest

from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Refused, kubectl


@pytest.fixture(scope="module")
def users(namespace: Namespace) -> None:
    """A user with each of the cluster's own roles, who is called after it."""
    for role in ("edit", "view"):
        kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}", "--namespace", namespace.name)
    namespace.apply(digits("there", suspend=True))


PATCH = ["patch", "tj", "there", "--type=merge", "--patch"]
TRIES = {
    "read": (["get", "tj", "there"], "get"),
    "create": (["create", "--dry-run=server", "--filename=-"], "create"),
    "change": ([*PATCH, '{"spec": {"backoffLimit": 1}}', "--dry-run=server"], "patch"),
    "delete": (["delete", "tj", "there", "--dry-run=server"], "delete"),
    "read status": (["get", "tj", "there", "--subresource=status"], "get"),
    "write status": ([*PATCH, '{"status": {"state": "Complete"}}', "--subresource=status"], "patch"),
}


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("what", TRIES)
@pytest.mark.parametrize(
    ("user", "may"),
    [
        ("edit", {"read", "create", "change", "delete", "read status"}),
        ("view", {"read", "read status"}),
    ],
)
def test_users_have_the_rights_of_their_role(namespace: Namespace, user: str, may: set[str], what: str) -> None:
    command, verb = TRIES[what]
    stdin = json.dumps(digits("another")) if what == "create" else None
    tried = [*command, f"--as={user}", "--namespace", namespace.name]
    if what in may:
        kubectl(*tried, stdin=stdin)
        return
    resource = "trainingjobs/status" if "status" in what else "trainingjobs"
    with pytest.raises(Refused, match=f'cannot {verb} resource "{resource}"'):
        kubectl(*tried, stdin=stdin)
