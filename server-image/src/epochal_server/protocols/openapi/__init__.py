"""What all protocols take and tell of one model, as OpenAPI 3.1."""
