import re
import sys

import pytest

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.script import ImportFailed, InitFailed, UserScript, user_traceback
from tests.support.serving import SCRIPTS


def post(body):
    return Request(b"POST", b"/score", {}, body.encode())


def test_a_script_is_imported_under_its_own_name():
    script = UserScript.load(SCRIPTS / "echo.py")
    assert sys.modules["echo"] is script.module
    script.init()
    assert script.call(post("[1]")) == [1]


def test_a_script_called_like_a_module_in_use_does_not_replace_it(tmp_path):
    import json

    (tmp_path / "json.py").write_text("def init(): pass\ndef run(data): pass\n")
    script = UserScript.load(tmp_path / "json.py")
    assert sys.modules["json"] is json
    assert script.module.__name__ == "mlmagic_entry_json"
    del sys.modules[script.module.__name__]


def test_what_was_pickled_in_main_is_found_in_the_script(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = UserScript.load(SCRIPTS / "pickled.py", as_main=True)
    script.init()
    assert script.call(post("")) == {"same": True, "by_name": True}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("bad_import", "ModuleNotFoundError", "no_such_library_anywhere"),
        ("no_run", "NotAnEntryScript", r"no_run.py does not define run\(data\)"),
        ("no_init", "NotAnEntryScript", r"no_init.py does not define init\(\)"),
        ("not_there", "FileNotFoundError", "not_there.py"),
    ],
)
def test_why_an_import_failed(name, kind, message):
    with pytest.raises(ImportFailed) as caught:
        UserScript.load(SCRIPTS / f"{name}.py")
    record = caught.value.record()
    assert (record["phase"], record["type"]) == ("import", kind)
    assert re.search(message, record["message"])
    assert "scoring/script.py" not in record["traceback"]
    assert "importlib" not in record["traceback"]


def test_a_missing_script_names_those_there_are():
    with pytest.raises(ImportFailed) as caught:
        UserScript.load(SCRIPTS / "not_there.py")
    assert "answers_numpy.py" in caught.value.hint


def test_a_missing_library_is_looked_for_in_the_requirements():
    with pytest.raises(ImportFailed, match="no_such_library") as caught:
        UserScript.load(SCRIPTS / "bad_import.py")
    assert "'no_such_library_anywhere' among the requirements" in caught.value.hint


def test_a_syntax_error_is_pointed_at(make_script):
    with pytest.raises(ImportFailed) as caught:
        make_script("def run(data)\n    pass\n")
    record = caught.value.record()
    assert (record["type"], record["message"]) == ("SyntaxError", "expected ':' (score.py, line 2)")
    lines = record["traceback"].splitlines()
    assert lines[0].endswith('score.py", line 2')
    assert lines[1].strip() == "def run(data)"
    assert lines[2].strip() == "^"


def test_init_that_misses_a_file_is_told_which_there_are(tmp_path, monkeypatch):
    (tmp_path / "model.pkl").touch()
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    script = UserScript.load(SCRIPTS / "init_raises.py")
    with pytest.raises(InitFailed) as caught:
        script.init()
    record = caught.value.record()
    assert record["phase"] == "init"
    assert record["hint"] == "AZUREML_MODEL_DIR holds: model.pkl."
    frames = re.findall(r'File ".*?([\w.]+)", line \d+, in (\w+)', record["traceback"])
    assert frames == [("init_raises.py", "init"), ("init_raises.py", "load")]


def test_the_traceback_of_run_is_the_users():
    script = UserScript.load(SCRIPTS / "run_raises.py")
    with pytest.raises(ValueError, match="bad: x") as caught:
        script.call(post("x"))
    text = user_traceback(caught.value.with_traceback(caught.tb.tb_next))
    assert re.findall(r", in (\w+)", text) == ["run", "check"]


@pytest.mark.parametrize(
    ("signature", "rule"),
    [
        ("*args", "must have a name"),
        ("data, **more", "must have a name"),
        ("data, /", "positional-only"),
        ("", "takes no data"),
        ("request_headers", "takes no data"),
        ("data, other", "'other' of run.. has no default"),
    ],
)
def test_a_signature_that_no_request_fits_is_refused(make_script, signature, rule):
    with pytest.raises(ImportFailed, match=rule):
        make_script(f"def run({signature}): pass")


@pytest.mark.parametrize(
    ("signature", "data", "headers"),
    [
        ("data", "data", False),
        ("data, n=3", "data", False),
        ("request_headers, data", "data", True),
        ("*, data, request_headers=None", "data", True),
    ],
)
def test_the_first_parameter_is_the_data(make_script, signature, data, headers):
    parameters = make_script(f"def run({signature}): pass").parameters
    assert (parameters.data, parameters.takes_headers) == (data, headers)


def test_an_exit_at_import_is_a_failure(make_script):
    with pytest.raises(ImportFailed, match="SystemExit"):
        make_script("import sys; sys.exit(1)")


def test_files_of_the_script_are_named_from_its_folder(tmp_path, monkeypatch):
    script = "def init():\n    raise KeyError('w')\n\ndef run(data):\n    return data\n"
    (tmp_path / "score.py").write_text(script)
    monkeypatch.setenv("AZUREML_SOURCE_DIRECTORY", str(tmp_path))
    with pytest.raises(InitFailed) as caught:
        UserScript.load(tmp_path / "score.py").init()
    assert 'File "score.py", line 2, in init' in caught.value.record()["traceback"]
    assert str(tmp_path) not in caught.value.record()["traceback"]


def test_a_generated_script_hands_on_to_the_users(make_script):
    script = make_script(
        "from types import ModuleType\n"
        "driver_module = ModuleType('theirs')\n"
        "exec('def run(data): return data', driver_module.__dict__)\n"
        "def run(*args, **kwargs): raise NotImplementedError\n"
    )
    assert script.parameters.names == ["data"]
    assert script.call(Request(b"POST", b"/score", {}, b"x")) == "x"
