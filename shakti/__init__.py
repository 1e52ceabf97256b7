"""Shakti evaluations: the command line, the configuration and the demonstration of the whole path."""

__version__ = "0.1.0"
