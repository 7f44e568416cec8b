import sys


def init():
    pass


def run(data):
    return "mlmagic.scoring.telemetry.telemetry" in sys.modules
