"""The command line of the operator."""

from typing import Any

import pytest
from epochal_operator.config import read_config

IMAGES = ("--trainer-image=t", "--server-image=s")
ENVIRONMENT = {"POD_NAMESPACE": "epochal-system", "POD_NAME": "epochal-0"}


OPTIONS: dict[str, Any] = {
    "--trainer-image=registry/trainer:1": "registry/trainer:1",
    "--server-image=registry/server:1": "registry/server:1",
    "--storage-endpoint=http://minio:9000": "http://minio:9000",
    "--scratch-limit=1Ti": "1Ti",
    "--tmp-limit=1Gi": "1Gi",
    "--service=epochal.here.svc": "epochal.here.svc",
    "--tls-secret=tls": "tls",
    "--lease=leader": "leader",
    "--metric-labels=team, example.com/cost-centre, team": ("team", "example.com/cost-centre"),
    "--namespaces=a, b,": ("a", "b"),
    '--server-network={"ingress": [{"ports": [{"port": 8080}]}]}': {"ingress": [{"ports": [{"port": 8080}]}]},
    "--workers=7": 7,
    "--status-writes-per-second=12.5": 12.5,
    "--log-level=debug": "debug",
}


def test_each_option_sets_a_field() -> None:
    config = read_config([*OPTIONS], ENVIRONMENT)
    fields = {option.split("=")[0].strip("-").replace("-", "_"): value for option, value in OPTIONS.items()}
    assert vars(config).items() >= fields.items()
    assert (config.namespace, config.instance) == ("epochal-system", "epochal-0")
    assert (config.http_port, config.progress_port) == (8080, 8443)


def test_default_options() -> None:
    config = read_config([*IMAGES, "--storage-endpoint=", "--namespaces="], {})
    assert (config.namespaces, config.storage_endpoint, config.metric_labels, config.workers) == ((), None, (), 4)
    assert config.server_network is None
    assert config.instance != read_config([*IMAGES], {"POD_NAME": "other"}).instance
    assert "_" in config.instance, "a standby must not take it for a pod"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--trainer-image"),
        (["--trainer-image=t"], "--server-image"),
        ([*IMAGES, "--server-network={"], "must be JSON, found '{'"),
        ([*IMAGES, "--server-network={}"], "must be a JSON object with ingress and optionally egress, found {}"),
        ([*IMAGES, "--workers=0"], "must be at least 1, found 0"),
        ([*IMAGES, "--status-writes-per-second=0"], "must be greater than 0, found 0"),
        ([*IMAGES, "--status-writes-per-second=nan"], "must be greater than 0, found nan"),
        ([*IMAGES, "--log-level=loud"], "invalid choice: 'loud'"),
        ([*IMAGES, "--metric-labels=a.b,team,a_b"], "a_b: both become the metric label label_a_b"),
        ([*IMAGES, "--metric-labels=team{}"], "found team{}"),
        ([*IMAGES, "--metric-labels=job-name"], "found job-name"),
        ([*IMAGES, "--metric-labels=app.kubernetes.io/name"], "found app.kubernetes.io/name"),
        ([*IMAGES, "--metric-labels=epochal.dev/trainingjob"], "found epochal.dev/trainingjob"),
        ([*IMAGES, f"--metric-labels={','.join('abcdefghi')}"], "must be at most 8 labels, found 9"),
    ],
)
def test_an_invalid_command_line_is_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        read_config(arguments, ENVIRONMENT)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
