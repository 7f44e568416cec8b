"""Hands over what is recorded of requests: a queue, its thread, and a process beside the server."""
