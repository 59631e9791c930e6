"""Experiments that are more than one training run: the theory made visible, each one command."""
