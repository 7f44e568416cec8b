"""Batch scoring on this machine: `job` distributes mini-batches to `worker` processes."""
