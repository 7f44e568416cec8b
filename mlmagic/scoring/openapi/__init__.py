"""Descriptions of a service: OpenAPI for programs, a page for people."""
