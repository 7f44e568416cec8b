"""Compiled models: onnxruntime answers for scikit-learn, XGBoost and LightGBM, which are not imported.

    files          the files of a compiled model, and which model file they were made from
    inputs         inputs that the compiled model takes; all others are for the original model
    model          a compiled model: a session of onnxruntime for each method
    proxy          the object that a script gets: like the estimator, which is loaded when it is needed
    hooks          joblib.load and pickle.load return proxies
    script_imports leaves out imports of these libraries that an entry script does not use

The environment variable MLMAGIC_COMPILED_MODELS names the folder of the compiled models. A model file is
recognised by its content, so that a script may copy or rename it. `mlmagic.engine.compilation` makes them.
"""
