"""Compiling a model to ONNX: conversion, and the proof that both return the same.

process         compile_file: compiles a model file in a process of its own
__main__        that process
conversion      from an estimator to an ONNX graph for each method
tree_converters decision trees, forests and boosted trees, exactly as the libraries compute them
tree_sources    the trees of scikit-learn, XGBoost and LightGBM
trees           trees as an ONNX TreeEnsemble
features        what an estimator knows of its input: columns, categories, ranges, thresholds
rows            rows to compare on: a sample, and generated ones
proof           compares a compiled model with its original
"""
