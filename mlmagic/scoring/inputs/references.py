"""How one schema points at another; each version of OpenAPI puts its own place there."""

REFERENCES = "#/$defs/"
