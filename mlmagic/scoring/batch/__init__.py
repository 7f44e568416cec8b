"""A script's process in a batch job: reads mini-batches, calls ``run(mini_batch)``, hands on its results.

``__main__`` is the process, ``tables`` reads rows from files, ``results`` writes what run() returned, and
``context`` is what run() is told about its mini-batch.
"""
