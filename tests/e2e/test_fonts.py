"""The trainer's image holds matplotlib's list of fonts, so that no pod makes it anew."""

from tests.kit import pods
from tests.kit.jobs import Namespace
from tests.kit.kubectl import apply, kubectl

SCRIPT = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from epochal_trainer.__main__ import copy_font_cache
copy_font_cache()
import matplotlib.font_manager
"""


def test_a_pod_takes_the_list_of_fonts_from_its_image(namespace: Namespace) -> None:
    pod = pods.restricted("fonts", pods.images()["trainer"], ["python3", "-c", SCRIPT])
    pod["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
    apply(pod, namespace=namespace.name)
    ended = "--for=jsonpath={.status.phase}=Succeeded"
    kubectl("wait", ended, "pod/fonts", "--namespace", namespace.name, "--timeout=90s")
    said = kubectl("logs", "fonts", "--namespace", namespace.name)
    assert "Using fontManager instance from /tmp/matplotlib" in said
    assert "generated new fontManager" not in said
