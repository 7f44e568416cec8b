"""The process beside a server that writes and sends what is recorded of requests.

process, link      the server's end: items are put together, and go through a pipe
messages           what goes through the pipes
__main__, queues   the other end: a queue for each kind of records
queue, batch_thread, turns
                   one queue, its thread, and how long that works without a pause
delivery, losses   attempts to deliver records, and the count of those that were lost
"""
