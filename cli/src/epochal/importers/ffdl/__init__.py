"""Manifests of FfDL (`manifest.yml`), the training service of 2018."""
