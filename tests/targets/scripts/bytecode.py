import os
import sys
import sysconfig

PRELOADED = "wave" in sys.modules


def init():
    pass


def run(raw_data):
    library = sysconfig.get_path("stdlib")
    modules = [module for module in list(sys.modules.values()) if getattr(module, "__cached__", None)]
    compiled = {
        module.__name__: os.path.exists(module.__cached__)
        for module in modules
        if module.__file__.startswith(library)
    }
    return {
        "found": len(compiled),
        "missing": sorted(name for name in compiled if not compiled[name]),
        "preloaded": PRELOADED,
        "workers": os.environ["WORKER_COUNT"],
    }
