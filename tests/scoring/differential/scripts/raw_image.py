import json

from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    if request.method != "POST":
        return AMLResponse("bad request, use POST", 500)
    file_bytes = request.files["image"]
    content = file_bytes.read()
    note = request.form.get("note")
    return AMLResponse(
        json.dumps(
            {
                "size": len(content),
                "name": file_bytes.filename,
                "type": file_bytes.content_type,
                "mimetype": file_bytes.mimetype,
                "note": note,
                "all": sorted(request.files.keys()),
                "many": [f.filename for f in request.files.getlist("image")],
            }
        ),
        200,
    )
