"""The installed Studio on the cluster, and its users."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser

from tests.kit.browser import browser
from tests.kit.kubectl import kubectl, port_forward, wait
from tests.kit.machine_network import CHROMIUM, forwarded
from tests.kit.operator import NAMESPACE
from tests.kit.ports import hold, port_of
from tests.kit.studio_client import Client

SECONDS = 60


@contextmanager
def studio_address() -> Iterator[str]:
    """Yields the address of Studio, by a port-forward as a user has it."""
    with hold() as held:
        port = port_of(held)
    with port_forward(NAMESPACE, "epochal-studio", f"{port}:80"):
        found = f"http://localhost:{port}"
        wait("Studio", lambda: _answers(found), seconds=SECONDS)
        yield found


@contextmanager
def studio_in_browser() -> Iterator[tuple[Browser, str]]:
    """Yields a browser, and the address of Studio for it."""
    with studio_address() as address, forwarded(address) as outside, browser(CHROMIUM) as chromium:
        yield chromium, outside


def create_user(namespace: str, name: str, role: str) -> str:
    """Creates a ServiceAccount with a role in its namespace, and returns its token of `kubectl create token`."""
    kubectl("create", "serviceaccount", name, "--namespace", namespace)
    account = f"--serviceaccount={namespace}:{name}"
    kubectl("create", "rolebinding", name, f"--clusterrole={role}", account, "--namespace", namespace)
    return kubectl("create", "token", name, "--namespace", namespace).strip()


def _answers(address: str) -> bool:
    try:
        return Client(address, "").ask("/healthz").status == 200
    except OSError:
        return False
