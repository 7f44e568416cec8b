"""Model.get_model_path in its layouts."""

import pytest

from mlmagic.scoring.shims.models import Model, ModelNotFoundException, UserErrorException


@pytest.fixture
def lay(tmp_path, monkeypatch):
    """Makes files, and says what AZUREML_MODEL_DIR is."""
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    app = tmp_path / "app"
    app.mkdir()
    monkeypatch.setenv("AML_APP_ROOT", str(app))
    monkeypatch.chdir(app)

    def lay(*files, root=None):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        if root:
            monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / root))

    return lay


CACHED = ("app/azureml-models/a/1/x", "app/azureml-models/a/2/y")
SEVERAL = (
    "m/a/1/x.pkl",
    "m/a/2/y.pkl",
    "m/a/10/z.pkl",
    "m/b/3/net/w.bin",
    "m/b/3/net/v.bin",
    "m/c/1/p",
    "m/c/1/q",
)


@pytest.mark.parametrize(
    ("files", "root", "name", "version", "found"),
    [
        (["m/a/3/x.pkl"], "m/a/3", "a", None, "m/a/3/x.pkl"),
        (["m/a/3/x.pkl"], "m/a/3", "a", 3, "m/a/3/x.pkl"),
        (["m/a/3/net/x.pkl", "m/a/3/net/y"], "m/a/3", "a", None, "m/a/3/net"),
        (["mine/x.pkl"], "mine", "whatever", None, "mine/x.pkl"),
        (["mine/x.pkl", "mine/y.pkl"], "mine", "whatever", None, "mine"),
        (SEVERAL, "m", "a", None, "m/a/10/z.pkl"),
        (SEVERAL, "m", "a", 2, "m/a/2/y.pkl"),
        (SEVERAL, "m", "b", None, "m/b/3/net"),
        (SEVERAL, "m", "c", None, "m/c/1"),
        (CACHED, None, "a", None, "app/azureml-models/a/2/y"),
        (CACHED, None, "a", 1, "app/azureml-models/a/1/x"),
    ],
)  # fmt: skip
def test_where_a_model_is(lay, tmp_path, files, root, name, version, found):
    lay(*files, root=root)
    assert Model.get_model_path(name, version) == str(tmp_path / found)
    assert Model.get_model_path(model_name=name, version=version, _workspace=None)


def test_a_model_beside_the_script(lay):
    lay("app/model.pkl")
    assert Model.get_model_path("model.pkl") == "model.pkl"


@pytest.mark.parametrize(
    ("files", "root", "name", "version", "words"),
    [
        (SEVERAL, "m", "d", None, ["Model not found: 'd'.", "a:1, a:10, a:2, b:3, c:1"]),
        (SEVERAL, "m", "a", 7, ["Model not found: 'a', version 7.", "a:10"]),
        (["m/a/3/x.pkl"], "m/a/3", "b", None, ["Model not found: 'b'.", "This service has a:3."]),
        (["m/a/3/x.pkl"], "m/a/3", "a", 2, ["'a', version 2", "This service has a:3."]),
        (["mine/x"], "mine", "../mine", None, ["Model not found: '../mine'."]),
        ([], None, "a", None, ["This service has no models.", "not set"]),
    ],
)  # fmt: skip
def test_a_model_that_is_not_there(lay, files, root, name, version, words):
    lay(*files, root=root)
    with pytest.raises(ModelNotFoundException) as caught:
        Model.get_model_path(name, version)
    assert all(word in str(caught.value) for word in words)


def test_what_cannot_be_asked():
    with pytest.raises(UserErrorException, match="version is '1': it must be an integer"):
        Model.get_model_path("a", "1")
    with pytest.raises(UserErrorException, match="get_model_path"):
        Model(None, name="a")
