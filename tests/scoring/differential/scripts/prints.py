import json
import logging
import sys

logging.basicConfig(level=logging.DEBUG)


def init():
    print("init", "with", "many", sep="-")
    print("to stderr", file=sys.stderr)
    logging.info("Init complete")


def run(raw_data):
    print("received", raw_data, end="", flush=True)
    sys.stdout.write("written\n")
    sys.stdout.flush()
    logging.warning("model 1: request received %s", raw_data)
    logging.getLogger("azureml").error("as an error")
    return json.loads(raw_data)
