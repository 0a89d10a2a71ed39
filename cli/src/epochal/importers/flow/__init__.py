"""Flows of the Neural Network Modeler (`.nnd`), which Watson Studio saved in 2018."""
