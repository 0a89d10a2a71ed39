// A small catalogue for tests of the modeler.
import type { Catalogue } from "./catalogue";

const COMMON = { name: { default: null, type: "string" }, trainable: { default: true, type: "boolean" } };

export const CATALOGUE: Catalogue = {
  keras: "3.0",
  modules: {
    "keras.layers": {
      names: {},
      classes: {
        Add: { group: "merging", arguments: COMMON },
        Conv2D: {
          group: "convolutional",
          arguments: {
            filters: { required: true, type: "integer" },
            kernel_size: { required: true, type: "integers" },
            padding: { default: "valid", type: "string" },
            activation: { default: null, type: "activation" },
            use_bias: { default: true, type: "boolean" },
            kernel_initializer: { default: "glorot_uniform", type: "initializer" },
            kernel_regularizer: { default: null, type: "regularizer" },
            ...COMMON,
          },
        },
        Conv2DTranspose: { group: "convolutional", arguments: COMMON },
        Convolution2D: { alias: "Conv2D" },
        Dense: { group: "core", arguments: { units: { required: true, type: "integer" }, ...COMMON } },
        Embedding: { group: "core", arguments: COMMON },
        Lambda: { refused: "it needs code" },
        MaxPooling2D: { group: "pooling", arguments: { pool_size: { default: [2, 2], type: "integers" }, ...COMMON } },
      },
    },
    "keras.activations": { names: { relu: null, softmax: null }, classes: {} },
    "keras.initializers": {
      names: { glorot_uniform: "GlorotUniform", he_normal: "HeNormal", GlorotUniform: "GlorotUniform" },
      classes: {
        GlorotUniform: { group: "initializers", arguments: { seed: { default: null } } },
        HeNormal: { group: "initializers", arguments: { seed: { default: null } } },
      },
    },
    "keras.regularizers": {
      names: { l2: "L2" },
      classes: { L2: { group: "regularizers", arguments: { l2: { default: 0.01, type: "number" } } } },
    },
    "keras.constraints": { names: {}, classes: {} },
    "keras.optimizers": {
      names: { adam: "Adam" },
      classes: {
        Adam: { group: "optimizers", arguments: { learning_rate: { default: 0.001, type: "schedule" }, beta_1: { default: 0.9, type: "number" } } },
        RMSprop: { group: "optimizers", arguments: { learning_rate: { default: 0.001, type: "schedule" } } },
      },
    },
    "keras.optimizers.schedules": {
      names: {},
      classes: { ExponentialDecay: { group: "schedules", arguments: { initial_learning_rate: { required: true, type: "number" }, decay_steps: { required: true, type: "integer" } } } },
    },
    "keras.losses": { names: {}, classes: { SparseCategoricalCrossentropy: { group: "losses", arguments: { from_logits: { default: false, type: "boolean" } } } } },
    "keras.metrics": { names: {}, classes: { SparseCategoricalAccuracy: { group: "metrics", arguments: COMMON } } },
  },
};
