"""The OpenAPI 3.1 document of a model, for all protocols."""
