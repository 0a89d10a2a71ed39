"""The trainer's image holds matplotlib's list of fonts, so that no pod builds it anew."""

from tests.kit import pods
from tests.kit.jobs import Namespace

SCRIPT = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from epochal_trainer.commands import copy_font_cache
copy_font_cache()
import matplotlib.font_manager
"""


def test_a_pod_takes_the_list_of_fonts_from_its_image(namespace: Namespace) -> None:
    pod = pods.restricted("fonts", pods.images()["trainer"], ["python3", "-c", SCRIPT])
    pod["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
    log = pods.run_to_end(pod, namespace.name)
    assert "Using fontManager instance from /tmp/matplotlib" in log
    assert "generated new fontManager" not in log
