"""Stand-ins for packages that entry scripts import and that need not be installed.

    finder          imports stand-ins where no installed package has the module
    stand_ins       the stand-in modules, and the modules of this folder that have their names
    azureml_names   the names of Azure ML v1 that mlmagic has, by module
    training        names for training: they can be imported, and their use raises an error with the reason
    unavailable     a name that can be imported but not used
    exceptions      azureml.exceptions
    offline_run     azureml.core.run: a run that prints metrics
    recorded_run    a run that stores metrics and files in a folder
    script_process  runs the script of a run in an environment without mlmagic
    telemetry       azureml.telemetry and the logging of AutoML: nothing is sent
    version         the version of azureml-core that mlmagic follows
    models          azureml.core.model: Model.get_model_path
    aml_request     rawhttp and the request that it passes to run()
    aml_response    the response of a raw run()
    collector       ModelDataCollector and Collector, and the files they write
    log_config      the formatter and the filter that a logging.json may name
    schema          input_schema and output_schema
    schema_util     reads the schemas of a decorated function
    installed_schema  the real inference_schema, where it is installed
    installed_http  the real request of Flask, where it is installed
    flask_context   the request context of Flask, for scripts that import Flask
    wsgi            converts requests and responses to those of werkzeug and Flask, and back
    types           the base class of parameter types, and the error of a value that does not match
    numpy_type, pandas_type, standard_type, spark_type

A module is imported only when a script imports its names.
"""
