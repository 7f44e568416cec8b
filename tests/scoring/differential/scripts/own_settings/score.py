import os


def init():
    global part
    import settings_part as part


def run(data):
    return [part.VALUE, os.environ.get("AML_APP_INSIGHTS_ENABLED"), os.environ.get("WORKER_COUNT")]
