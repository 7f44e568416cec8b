import json

import helping.text
from helping_numbers import double


def init():
    global words
    words = helping.text.WORDS


def run(raw_data):
    return {"double": double(json.loads(raw_data)["n"]), "words": words}
