# run is an instance, a bound method or a partial in generated scripts.
import functools
import json


class Service:
    def start(self):
        self.factor = 3

    def score(self, data):
        return json.loads(data)["x"] * self.factor


service = Service()
init = service.start
run = service.score
