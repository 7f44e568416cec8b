"""Endpoints: their versions, their traffic, and guarded rollouts."""
