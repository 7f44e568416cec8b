# State is kept between requests, and requests come one after the other.
def init():
    global calls
    calls = 0


def run(data):
    global calls
    calls += 1
    return calls
