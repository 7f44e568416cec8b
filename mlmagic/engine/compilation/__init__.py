"""Compiling a model to ONNX: conversion, and the proof that both return the same.

The parts:

    process              compile_file: compiles a model file in a process of its own
    __main__             that process
    compiler             loads, converts, compares and writes
    conversion           from an estimator to an ONNX graph for each method, with skl2onnx
    tree_converters      decision trees, forests and boosted trees, exactly as their libraries compute them
    tree_sources         the trees of scikit-learn, XGBoost and LightGBM
    trees                trees as an ONNX TreeEnsemble
    linear_converter     linear classifiers in double precision
    imputer_converter    SimpleImputer in double precision
    neighbors_converter  refuses neighbours
    graph_nodes          adds nodes to a graph that skl2onnx builds
    features             what an estimator knows of its input: columns, categories and ranges
    thresholds           values on whose two sides the prediction of an estimator jumps
    rows                 rows to compare on: a sample, and generated ones
    proof                compares a compiled model with its original
"""
