def init():
    pass


def run(raw):
    answer = []
    answer.append(answer)
    return answer
