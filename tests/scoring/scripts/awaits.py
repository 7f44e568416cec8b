import asyncio

ready = []


async def init():
    await asyncio.sleep(0)
    ready.append(True)


async def run(data):
    await asyncio.sleep(0)
    return {"ready": ready, "data": data}
