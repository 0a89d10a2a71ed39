"""The TrainingJob: its models, its progress reports and its CustomResourceDefinition."""
