"""Models that are served as they are: each file here is an entry script for one framework.

    onnx, scikit_learn, xgboost, lightgbm, tensorflow, pytorch, mlflow
    multi             several models behind one service, each of its own framework
    serving           what they share: init() and run() of a model, and how its requests are read
    tensors, tables   the two kinds of input: named arrays, or rows with columns

A generated script has one line, ``from mlmagic.scoring.frameworks.onnx import init, run``. What a request
must be is known from the model once init() has loaded it: that is checked, and swagger.json says it.
"""
