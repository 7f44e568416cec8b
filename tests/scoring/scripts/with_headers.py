def init():
    pass


def run(data, request_headers):
    return {"agent": request_headers["User-Agent"], "lower": request_headers.get("user-agent")}
