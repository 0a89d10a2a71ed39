"""Networks as people write them, in other combinations than those of torch_networks: for exports."""

from collections.abc import Mapping
from typing import Any

import yaml

NETWORKS: Mapping[str, dict[str, Any]] = yaml.load(
    """
regression:
  input: {shape: [8]}
  layers:
  - {layer: Dense, units: 16, activation: relu}
  - {layer: Dropout, rate: 0.2}
  - {layer: Dense, units: 1}
perceptron:
  input: {shape: [9, 9]}
  layers:
  - {layer: Flatten}
  - {layer: Dense, units: 12, activation: sigmoid, kernel_initializer: he_normal}
  - {layer: Dense, units: 5, activation: softmax}
lenet:
  input: {shape: [20, 20, 1]}
  layers:
  - {layer: Conv2D, filters: 6, kernel_size: 5, activation: tanh, padding: same}
  - {layer: AveragePooling2D, pool_size: 2}
  - {layer: Conv2D, filters: 8, kernel_size: 5, activation: tanh}
  - {layer: AveragePooling2D, pool_size: 2}
  - {layer: Flatten}
  - {layer: Dense, units: 20, activation: tanh}
  - {layer: Dense, units: 10, activation: softmax}
old_flow:
  input: {shape: [17, 15, 3]}
  layers:
  - {layer: Convolution2D, filters: 4, kernel_size: [3, 3], strides: [1, 1], padding: valid}
  - {layer: Activation, activation: relu}
  - {layer: MaxPool2D, pool_size: [2, 2], strides: [2, 2], padding: valid}
  - {layer: Dropout, rate: 0.25}
  - {layer: Flatten}
  - {layer: Dense, units: 8}
  - {layer: Activation, activation: relu}
  - {layer: Dense, units: 4}
  - {layer: Activation, activation: softmax}
residual:
  input: {shape: [8, 8, 4]}
  layers:
  - {layer: Conv2D, name: one, filters: 4, kernel_size: 3, padding: same, use_bias: false}
  - {layer: BatchNormalization, name: bn}
  - {layer: ReLU, name: relu}
  - {layer: Conv2D, name: two, filters: 4, kernel_size: 3, padding: same}
  - {layer: Add, name: sum, inputs: [two, input]}
  - {layer: Activation, name: out, activation: relu}
  - {layer: Conv2D, name: halved, filters: 8, kernel_size: 1, strides: 2, inputs: [out]}
  - {layer: GlobalAveragePooling2D, name: pooled}
  - {layer: Dense, name: classes, units: 3, activation: softmax}
inception:
  input: {shape: [9, 9, 2]}
  layers:
  - {layer: Conv2D, name: a, filters: 2, kernel_size: 1, inputs: [input]}
  - {layer: Conv2D, name: b, filters: 3, kernel_size: 3, padding: same, inputs: [input]}
  - {layer: Conv2D, name: c, filters: 2, kernel_size: [1, 5], padding: same, inputs: [input]}
  - {layer: MaxPooling2D, name: d, pool_size: 3, strides: 1, padding: same, inputs: [input]}
  - {layer: Concatenate, name: all, inputs: [a, b, c, d]}
  - {layer: GlobalMaxPooling2D, name: top}
  - {layer: Dense, name: out, units: 2}
mobile:
  input: {shape: [12, 12, 3]}
  layers:
  - {layer: Conv2D, filters: 4, kernel_size: 3, strides: 2, padding: same, use_bias: false}
  - {layer: BatchNormalization, momentum: 0.9, epsilon: 0.00001}
  - {layer: ReLU, max_value: 6}
  - {layer: DepthwiseConv2D, kernel_size: 3, padding: same, use_bias: false}
  - {layer: BatchNormalization}
  - {layer: Activation, activation: relu6}
  - {layer: SeparableConv2D, filters: 6, kernel_size: 3, strides: 2, padding: same}
  - {layer: GlobalAveragePooling2D, keepdims: true}
  - {layer: Conv2D, filters: 5, kernel_size: 1}
  - {layer: Flatten}
  - {layer: Softmax}
u_net:
  input: {shape: [8, 8, 1]}
  layers:
  - {layer: Conv2D, name: down, filters: 4, kernel_size: 3, padding: same, activation: relu}
  - {layer: MaxPooling2D, name: half}
  - {layer: Conv2D, name: deep, filters: 6, kernel_size: 3, padding: same, activation: relu}
  - {layer: UpSampling2D, name: up}
  - {layer: Concatenate, name: skip, inputs: [up, down]}
  - {layer: Conv2D, name: mask, filters: 1, kernel_size: 1, activation: sigmoid}
autoencoder:
  input: {shape: [10]}
  layers:
  - {layer: Dense, units: 4, activation: relu}
  - {layer: Dense, units: 10, activation: sigmoid, name: decoded}
forecast:
  input: {shape: [-1, 3]}
  layers:
  - {layer: LSTM, units: 6, return_sequences: true, dropout: 0.1}
  - {layer: LSTM, units: 5, go_backwards: true}
  - {layer: Dense, units: 2}
steps:
  input: {shape: [-1, 3]}
  layers:
  - {layer: Conv1D, filters: 4, kernel_size: 4, strides: 2, padding: same, activation: relu}
  - {layer: MaxPooling1D, pool_size: 3, strides: 2, padding: same}
  - {layer: TimeDistributed, wrapped: {layer: Dense, units: 3}}
  - {layer: GRU, units: 4, use_bias: false}
deep_gru:
  input: {shape: [6, 2]}
  layers:
  - {layer: Bidirectional, wrapped: {layer: GRU, units: 3, return_sequences: true}, merge_mode: mul}
  - {layer: Bidirectional, wrapped: {layer: LSTM, units: 3, return_sequences: true, dropout: 0.1}, merge_mode: ave}
  - {layer: Bidirectional, wrapped: {layer: LSTM, units: 3, use_bias: false}, merge_mode: sum}
  - {layer: Dense, units: 2}
text_cnn:
  input: {shape: [12], dtype: int64}
  layers:
  - {layer: Embedding, name: words, input_dim: 20, output_dim: 5}
  - {layer: Conv1D, name: two, filters: 3, kernel_size: 2, activation: relu, inputs: [words]}
  - {layer: Conv1D, name: three, filters: 3, kernel_size: 3, activation: relu, inputs: [words]}
  - {layer: GlobalMaxPooling1D, name: top_two, inputs: [two]}
  - {layer: GlobalMaxPooling1D, name: top_three, inputs: [three]}
  - {layer: Concatenate, name: all, inputs: [top_two, top_three]}
  - {layer: Dense, name: out, units: 1, activation: sigmoid}
transformer:
  input: {shape: [6, 8]}
  layers:
  - {layer: LayerNormalization, name: norm, inputs: [input]}
  - {layer: MultiHeadAttention, name: heads, num_heads: 2, key_dim: 4, use_bias: false, inputs: [norm, norm]}
  - {layer: Add, name: sum, inputs: [heads, input]}
  - {layer: LayerNormalization, name: norm_two, epsilon: 0.000001}
  - {layer: Dense, name: wide, units: 16, activation: gelu}
  - {layer: Dense, name: narrow, units: 8}
  - {layer: Add, name: out, inputs: [narrow, sum]}
  - {layer: GlobalAveragePooling1D, name: pooled}
  - {layer: Dense, name: classes, units: 3, activation: softmax}
siamese:
  inputs:
  - {name: left, shape: [4]}
  - {name: right, shape: [4]}
  layers:
  - {layer: Dense, name: tower, units: 6, activation: relu, inputs: [left]}
  - {use: tower, name: second, inputs: [right]}
  - {layer: Subtract, name: difference, inputs: [tower, second]}
  - {layer: Multiply, name: square, inputs: [difference, difference]}
  - {layer: Dense, name: same, units: 1, activation: sigmoid}
broadcast:
  inputs:
  - {name: gate, shape: [4]}
  - {name: steps, shape: [5, 4]}
  layers:
  - {layer: Multiply, name: gated, inputs: [gate, steps]}
  - {layer: Dot, name: pairs, axes: [2, 2], normalize: true, inputs: [gated, steps]}
  - {layer: Dot, name: sums, axes: [1, 2], inputs: [gate, steps]}
  - {layer: Flatten, name: flat, inputs: [pairs]}
  - {layer: Concatenate, name: all, inputs: [flat, sums]}
  - {layer: Dense, name: out, units: 2}
axes:
  input: {shape: [4, 5, 6]}
  layers:
  - {layer: BatchNormalization, axis: 2}
  - {layer: LayerNormalization, axis: [2, 3]}
  - {layer: GroupNormalization, groups: -1}
  - {layer: UnitNormalization, axis: 1}
  - {layer: Softmax, axis: 2}
  - {layer: PReLU}
  - {layer: Normalization, axis: [1, 3], mean: 0.5, variance: 2.0}
  - {layer: Permute, dims: [2, 1, 3]}
  - {layer: Conv2D, filters: 3, kernel_size: 2, activation: softmax}
  - {layer: PReLU, shared_axes: [1]}
  - {layer: Reshape, name: reshaped, target_shape: [3, -1]}
  - {layer: Concatenate, name: end, axis: 1, inputs: [reshaped, reshaped]}
crops:
  input: {shape: [10, 11, 2]}
  layers:
  - {layer: Resizing, height: 15, width: 7, interpolation: nearest}
  - {layer: Cropping2D, cropping: 1}
  - {layer: ZeroPadding2D, padding: [2, 0]}
  - {layer: Conv2D, filters: 3, kernel_size: 3, strides: [3, 2], padding: same}
  - {layer: Conv2DTranspose, filters: 2, kernel_size: 5, strides: 2, padding: same, use_bias: false}
  - {layer: Flatten}
  - {layer: Dense, units: 3}
labels:
  input: {shape: [6, 6, 1]}
  layers:
  - {layer: Conv2D, name: conv, filters: 4, kernel_size: 3, activation: {layer: LeakyReLU, negative_slope: 0.2}}
  - {layer: Flatten, name: flat}
  - {layer: Dense, name: kind, units: 3, activation: softmax, inputs: [flat]}
  - {layer: Dense, name: size, units: 1, inputs: [flat]}
  - {layer: Dense, name: flag, units: 1, activation: hard_sigmoid, inputs: [flat]}
  outputs: [kind, size, flag]
""",
    yaml.CSafeLoader,
)
