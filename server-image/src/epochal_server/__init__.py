"""HTTP server of one trained network. Protocols: Open Inference, TensorFlow Serving, Watson, POST of photographs."""
