"""A server that runs as a process of its own."""

import contextlib
import time
from http.client import HTTPConnection

from mlmagic.scoring.report import read_report


class Running:
    def __init__(self, folder, process, wakeup):
        self.folder, self.process, self.wakeup = folder, process, wakeup

    def report(self, *phases):
        """The report, once it says one of these."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            said = read_report(self.folder)
            if said and said.phase in phases:
                return said
            # A wake-up signal, or the end of a process that sent none.
            with contextlib.suppress(TimeoutError):
                self.wakeup.recv(8)
            if self.process.poll() is not None and (read_report(self.folder) or said) == said:
                break
        raise AssertionError((read_report(self.folder), self.process.poll()))

    def client(self):
        return HTTPConnection("127.0.0.1", self.report("serving").port, timeout=10)

    def ask(self, method="POST", path="/score", body="1"):
        client = self.client()
        client.request(method, path, body)
        response = client.getresponse()
        text = response.read().decode()
        client.close()
        return response.status, text, dict(response.getheaders())

    def ends(self):
        return self.process.wait(20)
