"""The API: the models of all kinds, the progress reports, and the CustomResourceDefinitions."""
