"""The version of mlmagic: `mlmagic.__version__`, and of the distribution."""

__version__ = "0.1.0"
