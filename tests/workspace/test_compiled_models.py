"""What compiling a model gave is stored with the model, and with the revisions of services that use it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from mlmagic.core.compilation import Compilation
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import CompiledFile, Model, ModelDescription, StoredFile
from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Revision
from mlmagic.errors import NotFound
from mlmagic.workspace import models, services
from mlmagic.workspace.files import Intake
from mlmagic.workspace.memory import Memory
from tests.support.engines import ON_FAKE

EQUAL = Compilation("", ("predict",), 1e-12, 2000)


def compiled(intake: Intake, content: bytes, key: str = "k") -> CompiledFile:
    return CompiledFile("model.pkl", key, EQUAL, (intake.take_bytes(content, "model.onnx"),))


def register(memory: Memory, *parts: bytes) -> Model:
    with memory.files.intake() as intake:
        file = intake.take_bytes(b"a model", "model.pkl")
        found = [compiled(intake, part) for part in parts]
        with memory.writing() as tx:
            intake.publish()
            return models.add(tx, ModelDescription("m", compile=bool(parts)), [file], found)


def note(memory: Memory, content: bytes) -> Model:
    with memory.files.intake() as intake:
        found = compiled(intake, content, "another")
        with memory.writing() as tx:
            intake.publish()
            return models.note_compiled(tx, "m:1", [found])


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_model_is_read_with_what_compiling_gave(memory: Memory) -> None:
    registered = register(memory, b"one")
    with memory.reading() as tx:
        assert models.get(tx, ModelReference("m")) == registered
    assert [part.digest for part in registered.compiled[0].parts] == [digest_of(b"one")]


def test_a_model_may_be_compiled_later_and_keeps_the_files_that_services_use(memory: Memory) -> None:
    register(memory)
    for content in (b"one", b"two", b"two"):
        noted = note(memory, content)
        with memory.reading() as tx:
            assert models.get(tx, ModelReference("m")) == noted
    for content in (b"one", b"two"):
        assert memory.files.has(digest_of(content))


def test_the_files_are_removed_with_the_model(memory: Memory) -> None:
    register(memory, b"one")
    note(memory, b"two")
    with memory.writing() as tx:
        models.remove(tx, ModelReference("m", 1))
    for content in (b"a model", b"one", b"two"):
        assert not memory.files.has(digest_of(content))


def test_a_model_that_is_gone_cannot_be_compiled(memory: Memory) -> None:
    register(memory)
    with memory.writing() as tx:
        models.remove(tx, ModelReference("m", 1))
    with pytest.raises(NotFound, match="m:1"):
        note(memory, b"one")
    with memory.writing():  # the next change removes what a failed one has stored
        pass
    assert not memory.files.has(digest_of(b"one"))


def test_a_service_and_its_revisions_have_what_they_serve_compiled(memory: Memory) -> None:
    model = register(memory, b"one")
    uses = Revision(
        1, ("m:1",), InferenceConfig("score.py"), (), ON_FAKE, "python", {model.id: model.compiled}
    )
    refuses = replace(uses, config=replace(ON_FAKE, compile=False), compiled={})
    with memory.writing() as tx:
        service = services.create(tx, "svc", uses, None)
        assert service.compiled == {"m:1": model.compiled}
        service = services.revise(tx, service, refuses)
        assert service.compiled == {}
    with memory.reading() as tx:
        assert services.get_revision(tx, service.id, 1) == uses
        assert services.get_revision(tx, service.id, 2).compiled == {}


def test_what_an_intake_works_on_is_gone_after_it_also_after_a_failure(memory: Memory) -> None:
    def fail() -> None:
        with memory.files.intake() as intake, intake.scratch() as folder:
            (folder / "half").write_text("done")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not memory.files.has_intakes


def test_parts_of_equal_content_are_one_file(memory: Memory) -> None:
    first = StoredFile("a.onnx", digest_of(b"one"), 3)
    register(memory, b"one", b"one")
    assert memory.files.has(first.digest)
