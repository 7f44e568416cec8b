def init():
    print("echo is ready")


def run(raw_data):
    return raw_data
