"""Profiles: measure a service at several sizes (CPU and memory).

profiles       the operations on profiles
trial          one size: launch the service with limits, load it, watch it, stop it
interleaving   the order of measurements: one round of every size after another
loads          plans the loads and runs the load generator
loader         the load generator, a process of its own
blocks         the results of a load
resource_usage what the service uses under load
"""
