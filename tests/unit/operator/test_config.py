"""The command line."""

import pytest
from epochal_operator.config import Config, read_config

IMAGES = ("--trainer-image=t", "--server-image=s")
ENVIRONMENT = {"POD_NAMESPACE": "epochal-system", "POD_NAME": "epochal-0"}


def test_all_that_the_chart_gives() -> None:
    given = read_config(
        [
            "--trainer-image=registry/trainer:1",
            "--server-image=registry/server:1",
            "--storage-endpoint=http://minio:9000",
            "--scratch-limit=1Ti",
            "--tmp-limit=1Gi",
            "--service=epochal.here.svc",
            "--tls-secret=epochal-tls",
            "--lease=epochal",
            "--metric-labels=team, example.com/cost-centre, team",
            "--namespaces=a, b,",
            '--server-network={"ingress": [{"ports": [{"port": 8080}]}]}',
            "--workers=7",
            "--status-writes-per-second=12.5",
            "--log-level=debug",
        ],
        ENVIRONMENT,
    )
    assert given == Config(
        namespaces=("a", "b"),
        trainer_image="registry/trainer:1",
        server_image="registry/server:1",
        storage_endpoint="http://minio:9000",
        scratch_limit="1Ti",
        tmp_limit="1Gi",
        service="epochal.here.svc",
        tls_secret="epochal-tls",
        lease="epochal",
        metric_labels=("team", "example.com/cost-centre"),
        server_network={"ingress": [{"ports": [{"port": 8080}]}]},
        workers=7,
        status_writes_per_second=12.5,
        log_level="debug",
        namespace="epochal-system",
        instance="epochal-0",
        http_port=8080,
        progress_port=8443,
    )


def test_what_is_not_given() -> None:
    given = read_config([*IMAGES, "--storage-endpoint=", "--namespaces="], {})
    assert (given.namespaces, given.storage_endpoint, given.metric_labels, given.workers) == ((), None, (), 4)
    assert given.server_network is None
    assert given.instance != read_config([*IMAGES], {"POD_NAME": "other"}).instance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--trainer-image"),
        (["--trainer-image=t"], "--server-image"),
        ([*IMAGES, "--server-network={"], "must be JSON, found '{'"),
        ([*IMAGES, "--server-network={}"], "must be an object with ingress and optionally egress, found {}"),
        ([*IMAGES, "--workers=0"], "must be at least 1, found 0"),
        ([*IMAGES, "--status-writes-per-second=0"], "must be greater than 0, found 0"),
        ([*IMAGES, "--status-writes-per-second=nan"], "must be greater than 0, found nan"),
        ([*IMAGES, "--log-level=loud"], "invalid choice: 'loud'"),
        ([*IMAGES, "--metric-labels=a.b,team,a_b"], "a_b: both become label_a_b"),
        ([*IMAGES, "--metric-labels=team{}"], "found team{}"),
        ([*IMAGES, "--metric-labels=job-name"], "found job-name"),
        ([*IMAGES, "--metric-labels=app.kubernetes.io/name"], "found app.kubernetes.io/name"),
        ([*IMAGES, "--metric-labels=epochal.dev/trainingjob"], "found epochal.dev/trainingjob"),
        ([*IMAGES, f"--metric-labels={','.join('abcdefghi')}"], "must be at most 8 labels, found 9"),
    ],
)
def test_a_wrong_command_line_says_why(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        read_config(arguments, ENVIRONMENT)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
