"""The progress reports of trainers: the endpoint, its limits, and the status fields from reports."""
