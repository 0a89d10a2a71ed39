"""The API: the pydantic models of all kinds and of the trainer's reports, and the CustomResourceDefinitions."""
