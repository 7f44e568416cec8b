def init():
    pass


def run(mini_batch):
    return [type(mini_batch).__name__, len(mini_batch), mini_batch]
