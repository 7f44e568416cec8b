import os
import subprocess
import sys
import time

GRANDCHILD = """
import subprocess
child = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
child.wait()
"""


def init():
    global children
    command = [sys.executable, "-c", GRANDCHILD]
    child = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    nothing = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    daemon = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True, env={}, **nothing)
    children = [child.pid, int(child.stdout.readline()), daemon.pid]


def run(raw_data):
    fork = os.fork()
    if fork == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    return [*children, fork]
