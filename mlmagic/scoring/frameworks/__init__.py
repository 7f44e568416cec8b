"""Entry scripts for models without one: each file here serves the models of one framework.

    onnx, scikit_learn, xgboost, lightgbm, tensorflow, pytorch, mlflow
    multi             several models in one service, each of its own framework
    serving           init() and run() of a model, and its input mode
    tensors, tables   the two kinds of input: named arrays, or rows with columns

A generated script has one line, ``from mlmagic.scoring.frameworks.onnx import init, run``. init() loads the
model and reads from it what a request must contain. Requests are checked, and swagger.json describes them.
"""
