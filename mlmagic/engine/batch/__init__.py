"""Batch scoring on this machine: `job` deals mini-batches out to `worker` processes."""
