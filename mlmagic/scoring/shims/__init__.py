"""Stand-ins for packages that entry scripts import and that need not be installed.

    finder          finds stand-ins where no installed package has the module
    stand_ins       which stand-in modules there are, and which of these modules each is made of
    azureml_names   the names of Azure ML v1 that mlmagic has, by module
    training        the names that belong to training: they import, and say on use why they are not available
    unavailable     a name that can be imported and not be used
    exceptions      azureml.exceptions
    offline_run     azureml.core.run: a run that prints
    recorded_run    a run whose metrics and files are kept in a folder
    script_process  runs the script of a run in an environment without mlmagic
    telemetry       azureml.telemetry and AutoML's logging, which send nothing
    version         the version of azureml-core that mlmagic follows
    models          azureml.core.model: Model.get_model_path
    aml_request     rawhttp and the request it hands to run()
    aml_response    the answer of a raw run()
    collector       ModelDataCollector and Collector, and the files they write
    schema          input_schema, output_schema and what they leave on run()
    schema_util     questions about a decorated function
    installed       the real inference_schema, where it is installed
    installed_http  the real request, which is Flask's, where it is installed
    flask_context   what Flask's own functions need in a script that uses them
    wsgi            between our requests and answers and those of werkzeug and Flask
    types           what a parameter type is; a value that does not fit it
    numpy_type, pandas_type, standard_type, spark_type

Nothing is imported before a script asks for it.
"""
