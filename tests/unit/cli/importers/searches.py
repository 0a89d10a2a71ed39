"""Searches and manifests in the formats of other tools."""

from typing import Any

FFDL = """\
name: tf_convolutional_network_tutorial
description: Convolutional network model using TensorFlow
version: "1.0"
gpus: 2
cpus: 0.5
memory: 1.5GB
learners: 1
storage: 1TB
data_stores:
- id: sl-internal-os
  type: mount_cos
  training_data: {container: tf-training-data}
  training_results: {container: tf-trained-model}
  connection:
    auth_url: http://s3.default.svc.cluster.local
    user_name: test
    password: very-secret
framework:
  name: tensorflow
  version: "1.5.0-py3"
  command: python3 convolutional_network.py --trainImagesFile ${DATA_DIR}/train-images-idx3-ubyte.gz
evaluation_metrics:
  type: tensorboard
  in: "$JOB_STATE_DIR/logs/tb"
"""


def watson(method: str, *, parameters: list[dict[str, Any]] | None = None, steps: int = 4) -> dict[str, Any]:
    """Return a manifest with a search of the training service of 2018."""
    return {
        "name": "digits search",
        "hyper_parameters_optimization": {
            "method": {
                "name": method,
                "parameters": [
                    {"name": "objective", "string_value": "accuracy"},
                    {"name": "maximize_or_minimize", "string_value": "maximize"},
                    {"name": "num_optimizer_steps", "int_value": steps},
                ],
            },
            "hyper_parameters": parameters
            or [
                {"name": "learning_rate", "double_range": {"min_value": 0.005, "max_value": 0.01, "step": 0.001}},
                {"name": "conv_filters", "int_range": {"min_value": 16, "max_value": 128, "power": 2}},
                {"name": "batch_size", "int_values": [64, 128]},
            ],
        },
    }


KATIB = """\
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata: {name: random, namespace: kubeflow}
spec:
  objective:
    type: maximize
    goal: 0.99
    objectiveMetricName: Validation-accuracy
    additionalMetricNames: [Train-accuracy]
    metricStrategies: [{name: Validation-accuracy, value: latest}]
  algorithm: {algorithmName: random}
  parallelTrialCount: 3
  maxTrialCount: 12
  maxFailedTrialCount: 2
  resumePolicy: Never
  metricsCollectorSpec: {collector: {kind: StdOut}}
  parameters:
  - name: lr
    parameterType: double
    feasibleSpace: {min: "0.0001", max: "0.1", distribution: logUniform}
  - name: num-layers
    parameterType: int
    feasibleSpace: {min: "2", max: "5"}
  - name: size
    parameterType: int
    feasibleSpace: {min: "16", max: "64", step: "16"}
  - name: optimizer
    parameterType: categorical
    feasibleSpace: {list: [sgd, adam, ftrl]}
  - name: momentum
    parameterType: discrete
    feasibleSpace: {list: ["0.5", "0.9"]}
  trialTemplate:
    primaryContainerName: training-container
    successCondition: status.conditions.#(type=="Complete")#|#(status=="True")#
    trialParameters:
    - {name: learningRate, description: Learning rate, reference: lr}
    - {name: numberLayers, description: Number of layers, reference: num-layers}
    - {name: width, description: Width, reference: size}
    - {name: optimizer, description: Optimizer, reference: optimizer}
    trialSpec:
      apiVersion: batch/v1
      kind: Job
      spec:
        template:
          spec:
            containers:
            - name: training-container
              image: docker.io/kubeflowkatib/mxnet-mnist:v1beta1
              command:
              - python3
              - /opt/mxnet-mnist/mnist.py
              - --lr=${trialParameters.learningRate}
              - --num-layers=${trialParameters.numberLayers}
              - --hidden-units=${trialParameters.width}
              - --optimizer=${trialParameters.optimizer}
              resources: {limits: {memory: 1Gi, cpu: "0.5"}}
            restartPolicy: Never
"""
