"""Networks for exports: each layer that has a counterpart in torch is in at least one of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.kit import usual_networks

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
NETWORKS: Mapping[str, dict[str, Any]] = yaml.load(
    """
digits:
  input: {shape: [28, 28, 1]}
  layers:
  - {layer: Rescaling, scale: 0.00392156862745098}
  - {layer: Conv2D, filters: 8, kernel_size: 3}
  - {layer: BatchNormalization}
  - {layer: ReLU}
  - {layer: MaxPooling2D, pool_size: 2}
  - {layer: Conv2D, filters: 8, kernel_size: [3, 5], strides: 2, padding: same, activation: relu}
  - {layer: MaxPooling2D, pool_size: 2, padding: same}
  - {layer: Dropout, rate: 0.5}
  - {layer: Flatten}
  - {layer: Dense, units: 10, activation: softmax}
table:
  input: {shape: [6]}
  layers:
  - {layer: Normalization, mean: [1, 2, 3, 4, 5, 6], variance: [1, 2, 3, 4, 5, 6]}
  - {layer: Dense, units: 16, activation: selu, kernel_initializer: lecun_normal,
     kernel_regularizer: {name: L2, l2: 0.01}}
  - {layer: AlphaDropout, rate: 0.1}
  - {layer: GaussianNoise, stddev: 0.1}
  - {layer: Dense, units: 8, use_bias: false, trainable: false}
  - {layer: BatchNormalization, scale: false, trainable: false}
  - {layer: LeakyReLU, negative_slope: 0.1}
  - {layer: LayerNormalization}
  - {layer: Dense, units: 8, activation: {layer: ELU, alpha: 0.5}, bias_regularizer: l1}
  - {layer: PReLU}
  - {layer: GaussianDropout, rate: 0.2}
  - {layer: UnitNormalization}
  - {layer: Dense, units: 3}
  - {layer: Softmax}
same:
  input: {shape: [9, 11, 3]}
  layers:
  - {layer: Conv2D, filters: 4, kernel_size: 4, padding: same, activation: silu}
  - {layer: Conv2D, filters: 6, kernel_size: 3, padding: same, dilation_rate: 2, groups: 2, use_bias: false}
  - {layer: GroupNormalization, groups: 3}
  - {layer: AveragePooling2D, pool_size: 3, strides: 2, padding: same}
  - {layer: DepthwiseConv2D, kernel_size: 3, depth_multiplier: 2, padding: same, activation: gelu}
  - {layer: SeparableConv2D, filters: 5, kernel_size: 3, depth_multiplier: 2, padding: same, activation: hard_silu}
  - {layer: PReLU, shared_axes: [1, 2]}
  - {layer: SpatialDropout2D, rate: 0.2}
  - {layer: AveragePooling2D, pool_size: 2}
  - {layer: GlobalAveragePooling2D}
any_size:
  input: {shape: [-1, -1, 3]}
  layers:
  - {layer: Conv2D, filters: 4, kernel_size: 3, strides: 2, padding: same, activation: relu}
  - {layer: MaxPooling2D, pool_size: 3, strides: 2, padding: same}
  - {layer: AdaptiveAveragePooling2D, output_size: [2, 3]}
  - {layer: Reshape, target_shape: [-1, 4]}
  - {layer: GlobalMaxPooling1D, keepdims: true}
  - {layer: Flatten}
  - {layer: Dense, units: 2}
decoder:
  input: {shape: [12]}
  layers:
  - {layer: Dense, units: 36, activation: tanh}
  - {layer: Reshape, target_shape: [3, 3, 4]}
  - {layer: Conv2DTranspose, filters: 5, kernel_size: 3, strides: 2, padding: same, activation: relu}
  - {layer: Conv2DTranspose, filters: 4, kernel_size: 4, strides: 2, padding: same}
  - {layer: Conv2DTranspose, filters: 4, kernel_size: 2, strides: 3}
  - {layer: ZeroPadding2D, padding: [[1, 2], [0, 3]]}
  - {layer: UpSampling2D, size: [2, 1]}
  - {layer: UpSampling2D, size: 2, interpolation: bilinear}
  - {layer: Cropping2D, cropping: [[3, 1], [2, 0]]}
  - {layer: Resizing, height: 20, width: 30}
  - {layer: CenterCrop, height: 10, width: 15}
  - {layer: Permute, dims: [3, 1, 2]}
  - {layer: Activation, activation: sigmoid}
sequence:
  input: {shape: [12, 4]}
  layers:
  - {layer: ZeroPadding1D, padding: [1, 2]}
  - {layer: Conv1D, filters: 6, kernel_size: 3, padding: causal, dilation_rate: 2, activation: relu}
  - {layer: SpatialDropout1D, rate: 0.1}
  - {layer: BatchNormalization}
  - {layer: DepthwiseConv1D, kernel_size: 3, padding: same}
  - {layer: SeparableConv1D, filters: 6, kernel_size: 2}
  - {layer: MaxPooling1D, pool_size: 2}
  - {layer: AveragePooling1D, pool_size: 2, strides: 1, padding: same}
  - {layer: UpSampling1D, size: 3}
  - {layer: Cropping1D, cropping: [1, 2]}
  - {layer: Conv1DTranspose, filters: 4, kernel_size: 3, strides: 2, padding: same}
  - {layer: AdaptiveMaxPooling1D, output_size: 5}
  - {layer: AdaptiveAveragePooling1D, output_size: 3}
  - {layer: GlobalAveragePooling1D}
  - {layer: RepeatVector, n: 3}
  - {layer: SimpleRNN, units: 5, return_sequences: true, go_backwards: true}
  - {layer: SimpleRNN, units: 5, activation: relu, use_bias: false}
words:
  input: {shape: [7], dtype: int32}
  layers:
  - {layer: Embedding, input_dim: 20, output_dim: 8}
  - {layer: Bidirectional, wrapped: {layer: LSTM, units: 6, return_sequences: true}}
  - {layer: Bidirectional, wrapped: {layer: GRU, units: 4, return_sequences: true}, merge_mode: sum}
  - {layer: GRU, units: 5, return_sequences: true, dropout: 0.2}
  - {layer: TimeDistributed, wrapped: {layer: Dense, units: 6, activation: relu}}
  - {layer: RMSNormalization}
  - {layer: LSTM, units: 4}
  - {layer: Dense, units: 1, activation: sigmoid}
both_ends:
  input: {shape: [5, 3]}
  layers:
  - {layer: Bidirectional, wrapped: {layer: SimpleRNN, units: 4}, name: ends}
  - {layer: Dense, units: 2}
video:
  input: {shape: [6, 8, 8, 2]}
  layers:
  - {layer: Conv3D, filters: 4, kernel_size: 3, padding: same, activation: relu}
  - {layer: BatchNormalization}
  - {layer: ZeroPadding3D, padding: 1}
  - {layer: Cropping3D, cropping: [[1, 1], [1, 1], [1, 1]]}
  - {layer: SpatialDropout3D, rate: 0.2}
  - {layer: MaxPooling3D, pool_size: 2}
  - {layer: UpSampling3D, size: 2}
  - {layer: Conv3DTranspose, filters: 3, kernel_size: 2, strides: 2}
  - {layer: AveragePooling3D, pool_size: 2}
  - {layer: AdaptiveMaxPooling3D, output_size: 4}
  - {layer: AdaptiveAveragePooling3D, output_size: [2, 3, 2]}
  - {layer: GlobalMaxPooling3D, keepdims: true}
  - {layer: GlobalAveragePooling3D}
frames:
  input: {shape: [4, 8, 8, 1]}
  layers:
  - {layer: TimeDistributed, wrapped: {layer: Conv2D, filters: 3, kernel_size: 3, activation: relu}}
  - {layer: TimeDistributed, wrapped: {layer: GlobalMaxPooling2D}}
  - {layer: LSTM, units: 3}
graph:
  inputs:
  - {name: image, shape: [8, 8, 2]}
  - {name: second, shape: [8, 8, 2]}
  - {name: numbers, shape: [3]}
  layers:
  - {layer: Conv2D, name: conv, filters: 4, kernel_size: 3, strides: 2, padding: same, inputs: [image]}
  - {layer: AdaptiveMaxPooling2D, name: small, output_size: 2}
  - {layer: GlobalMaxPooling2D, name: one}
  - {use: conv, name: again, inputs: [second]}
  - {layer: Concatenate, name: channels, inputs: [conv, again]}
  - {layer: Concatenate, name: rows, axis: 1, inputs: [conv, again]}
  - {layer: GlobalAveragePooling2D, name: two}
  - {layer: Dense, name: 3rd-class, units: 4, activation: relu, inputs: [numbers]}
  - {layer: Add, name: add, inputs: [one, two, 3rd-class]}
  - {layer: Average, name: average, inputs: [one, two]}
  - {layer: Subtract, name: forward, inputs: [one, two]}
  - {layer: Multiply, name: x, inputs: [small, one]}
  - {layer: GlobalAveragePooling2D, name: pooled}
  - {layer: Maximum, name: maximum, inputs: [one, pooled, two]}
  - {layer: Minimum, name: minimum, inputs: [two, forward]}
  - {layer: Dot, name: dot, axes: 1, normalize: true, inputs: [one, two]}
  - {layer: Flatten, name: flat, inputs: [channels]}
  - {layer: Identity, name: same, inputs: [flat]}
  - {layer: Concatenate, name: all, inputs: [add, average, maximum, minimum, dot, same]}
  - {layer: Dense, name: digit, units: 10, activation: softmax}
  - {layer: Dense, name: odd, units: 1, activation: sigmoid, inputs: [all]}
  outputs: [digit, odd]
attention:
  inputs:
  - {name: question, shape: [5, 8]}
  - {name: text, shape: [7, 8]}
  layers:
  - {layer: MultiHeadAttention, name: heads, num_heads: 2, key_dim: 3, inputs: [question, text]}
  - {layer: Add, name: sum, inputs: [question, heads]}
  - {layer: LayerNormalization, name: norm}
  - {layer: MultiHeadAttention, name: wide, num_heads: 2, key_dim: 4, value_dim: 3, dropout: 0.1,
     inputs: [norm, text, text]}
  - {layer: Attention, name: dots, use_scale: true, inputs: [wide, text]}
  - {layer: AdditiveAttention, name: sums, dropout: 0.1, inputs: [dots, text]}
  - {layer: Dot, name: pairs, axes: [2, 2], inputs: [sums, text]}
  - {layer: BatchNormalization, name: by_step, axis: 1}
  - {layer: Flatten, name: flat}
  - {layer: Dense, name: answer, units: 3}
translation:
  inputs:
  - {name: source, shape: [5, 4]}
  - {name: target, shape: [6, 4]}
  layers:
  - {layer: LSTM, name: lstm, units: 4, return_state: true, inputs: [source]}
  - {layer: LSTM, name: reader, units: 4, return_sequences: true, inputs: [target, "lstm:1", "lstm:2"]}
  - {layer: GRU, name: gru, units: 4, return_sequences: true, return_state: true, inputs: [reader, "lstm:0"]}
  - {layer: Dense, name: word, units: 3, activation: softmax, inputs: ["gru:0"]}
  - {layer: Dense, name: length, units: 1, inputs: ["gru:1"]}
  outputs: [word, length]
types:
  inputs:
  - {name: pixels, shape: [4, 3], dtype: uint8}
  - {name: precise, shape: [5], dtype: float64}
  - {name: short, shape: [5], dtype: float16}
  - {name: tokens, shape: [6], dtype: int64}
  - {name: flags, shape: [4], dtype: bool}
  layers:
  - {layer: Flatten, name: flat, inputs: [pixels]}
  - {layer: Rescaling, name: scaled, scale: 0.05}
  - {layer: Normalization, name: normal, inputs: [precise]}
  - {layer: Dense, name: short_dense, units: 3, inputs: [short]}
  - {layer: Reshape, name: pairs, target_shape: [2, 3], inputs: [tokens]}
  - {layer: TimeDistributed, name: words, wrapped: {layer: Embedding, input_dim: 20, output_dim: 2, trainable: false}}
  - {layer: Flatten, name: text}
  - {layer: Dense, name: flags_dense, units: 3, inputs: [flags]}
  - {layer: Concatenate, name: all, inputs: [scaled, normal, short_dense, text, flags_dense]}
  - {layer: Dense, name: odd, units: 1, activation: sigmoid}
""",
    yaml.CSafeLoader,
)
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "tanh_shrink",
]

TRAININGS: Mapping[str, dict[str, Any]] = yaml.load(
    """
digits:
  loss: SparseCategoricalCrossentropy
  metrics: [accuracy, AUC]
  optimizer: {name: SGD, learning_rate: {name: ExponentialDecay, initial_learning_rate: 0.1, decay_steps: 10,
    decay_rate: 0.9}, momentum: 0.9, nesterov: true, clipvalue: 0.5}
  classWeight: {"0": 2, "3": "0.5"}
table:
  loss: {name: CategoricalCrossentropy, label_smoothing: 0.1}
  metrics: [accuracy, mae]
  optimizer: {name: AdamW, clipnorm: 1.0}
  classWeight: Balanced
  callbacks:
  - {callback: EarlyStopping, monitor: loss, patience: 3, restore_best_weights: true}
  - {callback: ReduceLROnPlateau, monitor: loss, patience: 2}
  - {callback: CSVLogger, filename: log.csv}
  epochs: 8
  stepsPerEpoch: 5
words:
  loss: BinaryCrossentropy
  metrics: [accuracy]
  optimizer: {name: Adam, learning_rate: {name: CosineDecay, initial_learning_rate: 0.01, decay_steps: 50,
    warmup_target: 0.02, warmup_steps: 5}, global_clipnorm: 1.0}
  epochs: 3
graph:
  outputs:
  - {name: digit, loss: SparseCategoricalCrossentropy, metrics: [accuracy]}
  - {name: odd, loss: BinaryCrossentropy, metrics: [accuracy, mse], weight: "0.5"}
  optimizer: RMSprop
  epochs: 2
types:
  loss: BinaryCrossentropy
  optimizer: {name: Adam, learning_rate: 0.01}
""",
    yaml.CSafeLoader,
)
"""Settings of the training of some of the networks."""


def activations() -> dict[str, Any]:
    """Returns a network with an output for each activation that has a counterpart."""
    layers = [{"layer": "Activation", "activation": name, "name": name, "inputs": ["input"]} for name in ACTIVATIONS]
    concatenate = {"layer": "Concatenate", "inputs": ACTIVATIONS}
    return {"input": {"shape": [5, 3]}, "layers": [*layers, concatenate]}


def job(network: dict[str, Any], **training: Any) -> dict[str, Any]:
    """Returns a TrainingJob with a network, and a loss for each of its outputs."""
    outputs = network.get("outputs")
    several = {"outputs": [{"name": name, "loss": "mse"} for name in outputs]} if outputs else {"loss": "mse"}
    loss = {} if {"loss", "outputs"} & set(training) else several
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": "exported"},
        "spec": {
            "storage": {"secretRef": {"name": "keys"}},
            "data": {"bucket": "data", "train": {"object": "data.npz"}},
            "network": network,
            "training": {**loss, **training},
            "results": {"bucket": "results"},
        },
    }


def examples() -> dict[str, Any]:
    """Returns the networks of TrainingJobs in manifests/examples."""
    files = ("digits.yaml", "mnist.yaml")
    return {file: yaml.load((EXAMPLES / file).read_text(), yaml.CSafeLoader)["spec"]["network"] for file in files}


def all_networks() -> dict[str, dict[str, Any]]:
    return {**NETWORKS, **usual_networks.NETWORKS, **examples(), "activations": activations()}
