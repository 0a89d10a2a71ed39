"""Networks for exports to Caffe: each layer that has a counterpart is in at least one of them."""

from collections.abc import Mapping
from typing import Any

import yaml

NETWORKS: Mapping[str, dict[str, Any]] = yaml.load(
    """
digits:
  input: {shape: [29, 29, 1]}
  layers:
  - {layer: Rescaling, scale: 0.5, offset: 0.1}
  - {layer: Conv2D, filters: 4, kernel_size: 3, activation: relu}
  - {layer: BatchNormalization}
  - {layer: MaxPooling2D, pool_size: 2}
  - {layer: Conv2D, filters: 5, kernel_size: [3, 4], strides: 2, padding: same, activation: tanh}
  - {layer: MaxPooling2D, pool_size: 2, padding: same}
  - {layer: Dropout, rate: 0.5}
  - {layer: Flatten}
  - {layer: BatchNormalization, scale: false}
  - {layer: Dense, units: 16, activation: elu}
  - {layer: Dense, units: 10, activation: softmax}
separable:
  input: {shape: [11, 13, 4]}
  layers:
  - {layer: Normalization, mean: [1, 2, 3, 4], variance: [1, 2, 3, 4]}
  - {layer: SeparableConv2D, filters: 6, kernel_size: 3, padding: same, depth_multiplier: 2, activation: leaky_relu}
  - {layer: PReLU, shared_axes: [1, 2]}
  - {layer: DepthwiseConv2D, kernel_size: 2, padding: same, depth_multiplier: 2, use_bias: false}
  - {layer: ReLU, negative_slope: 0.1}
  - {layer: Conv2D, filters: 6, kernel_size: 3, groups: 3, dilation_rate: 2, padding: same}
  - {layer: LeakyReLU}
  - {layer: AveragePooling2D, pool_size: 3, strides: 2, padding: valid}
  - {layer: AveragePooling2D, pool_size: 2, padding: same}
  - {layer: ELU, alpha: 0.5}
  - {layer: Conv2DTranspose, filters: 3, kernel_size: 4, strides: 2, padding: same, activation: sigmoid}
  - {layer: Conv2DTranspose, filters: 3, kernel_size: 3, strides: 2}
  - {layer: GlobalAveragePooling2D}
  - {layer: Dense, units: 3, use_bias: false}
  - {layer: Softmax}
graph:
  inputs:
  - {name: image, shape: [6, 6, 3]}
  - {name: numbers, shape: [4]}
  layers:
  - {layer: Conv2D, name: conv, filters: 4, kernel_size: 3, padding: same, inputs: [image]}
  - {layer: Conv2D, name: other, filters: 4, kernel_size: 1, activation: softplus, inputs: [image]}
  - {layer: Add, name: sum, inputs: [conv, other]}
  - {layer: Subtract, name: difference, inputs: [conv, other]}
  - {layer: Multiply, name: product, inputs: [sum, difference]}
  - {layer: Maximum, name: largest, inputs: [product, conv, other]}
  - {layer: Average, name: mean, inputs: [largest, conv, sum]}
  - {layer: Concatenate, name: channels, inputs: [mean, other]}
  - {layer: Concatenate, name: rows, axis: 1, inputs: [channels, channels]}
  - {layer: GlobalMaxPooling2D, name: top}
  - {layer: Flatten, name: flat, inputs: [mean]}
  - {layer: Activation, name: active, activation: sigmoid}
  - {layer: Identity, name: same, inputs: [numbers]}
  - {layer: Concatenate, name: all, inputs: [active, same, top]}
  - {layer: Dense, name: digit, units: 5, activation: softmax}
  - {layer: Dense, name: odd.1, units: 1, activation: sigmoid, inputs: [all]}
  - {layer: Dense, name: size, units: 1, activation: exponential, inputs: [top]}
  outputs: [digit, odd.1, size]
""",
    yaml.CSafeLoader,
)
