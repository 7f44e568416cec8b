import os
import subprocess

PARENT = "sleep 0.1 >/dev/null & echo $!"


def init(): ...


def run(raw_data):
    orphan = int(subprocess.run(["sh", "-c", PARENT], stdout=subprocess.PIPE, text=True).stdout)
    child = subprocess.Popen(["sh", "-c", "exit 7"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return {"orphan": orphan, "exit code": child.wait()}
