"""Data collection: the inputs and predictions of a service, written to files off the request path."""
