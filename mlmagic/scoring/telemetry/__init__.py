"""Traces and logs of a service, sent to an OpenTelemetry collector."""
