"""The version of azureml-core whose names, arguments and behaviour `mlmagic.sdk` follows."""

VERSION = "1.61.0"
__version__ = VERSION
