import subprocess
import sys

print("imported")


def init():
    print("init")


def run(data):
    print("run", data)
    subprocess.run([sys.executable, "-c", "print('from below')"])
    return {"data": data}
