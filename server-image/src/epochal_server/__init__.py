"""Answers requests with a trained network: Open Inference, Watson's and TensorFlow Serving's REST, and photographs."""
