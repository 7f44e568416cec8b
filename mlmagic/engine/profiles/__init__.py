"""Measuring a service at several sizes.

trial      one size: launched, held to it, loaded, watched, stopped
loads      which loads, and what they gave
loader     asks the service, in a process of its own
"""
