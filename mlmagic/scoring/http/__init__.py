"""HTTP/1.1: bytes to requests, answers to bytes."""
