# Generated deployments put a module of their own before the user's.
import helping_driven as driver_module


def init():
    driver_module.init()


def run(*args, **kwargs):
    return driver_module.run(*args, **kwargs)
