"""The Open Inference Protocol, version 2 (REST), on the same service: ``/v2/...``."""
