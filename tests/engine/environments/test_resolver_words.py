"""What the resolver says, shortened."""

from __future__ import annotations

import pytest

from mlmagic.engine.environments.resolver_errors import WORDS_LIMIT, refusal

SERVER = ("orjson>=3.9",)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            "Using Python 3.11.7 environment at: x\nerror: No solution found when resolving dependencies\n"
            "  cause: Because you require orjson==3.0 and orjson>=3.9, we can conclude that your "
            "requirements are unsatisfiable.\n",
            "orjson==3.0 (requested) and orjson>=3.9 (the scoring server) exclude each other",
        ),
        (
            "  × No solution found when resolving dependencies:\n"
            "  ╰─▶ Because scikit-learn==1.9.1 depends on numpy>=1.24.1 and you require\n"
            "      numpy==1.20, we can conclude that your requirements and scikit-learn==1.9.1 are\n"
            "      incompatible.\n"
            "      And because you require scikit-learn==1.9.1, we can conclude that your\n"
            "      requirements are unsatisfiable.\n",
            "numpy==1.20 (requested) and numpy>=1.24.1 (scikit-learn==1.9.1) exclude each other",
        ),
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because there is no version of six==99 and you require six==99, we can conclude that "
            "your requirements are unsatisfiable.\n",
            "Because there is no version of six==99 and you require six==99",
        ),
        (
            "error: Couldn't parse requirement in `x/requirements.txt` at position 0\n  cause: Missing "
            "closing bracket (expected ']', found end of dependency specification)\n",
            "Couldn't parse requirement in `x/requirements.txt` at position 0",
        ),
        (
            "Resolved 13 packages in 210ms\nerror: Failed to build `x==1`\ncause: The build backend returned "
            'an error\n[stderr]\n  File "<string>", line 1, in <module>\nRuntimeError: no compiler\n'
            "hint: Look.\n",
            "Failed to build `x==1`: RuntimeError: no compiler",
        ),
        (
            "Resolved 13 packages in 210ms\n  × Failed to download `x==1`\n  ╰─▶ HTTP status 404\n",
            "Failed to download `x==1`",
        ),
        ("Resolved 13 packages in 210ms\nfailed to open file", "failed to open file"),
        ("", ""),
    ],
)
def test_the_reason_in_a_line(said: str, line: str) -> None:
    assert refusal(said, SERVER).line == line


def test_two_requirements_stand_side_by_side() -> None:
    said = (
        "cause: Because a==1 depends on numpy>=2 and you require numpy==1.20, we can conclude that no.\n"
        "       And because you require a==1, we can conclude that your requirements are unsatisfiable."
    )
    told = refusal(said)
    assert told.table == "numpy==1.20  requested\nnumpy>=2     a==1"
    assert told.words == "Because a==1 depends on numpy>=2 and you require numpy==1.20"


def test_a_long_story_is_cut_in_the_middle() -> None:
    told = refusal("error: Failed to build `numpy`\n" + "  frame\n" * 500 + "NameError: CCompiler")
    assert len(told.words) < WORDS_LIMIT + 10
    assert told.words.startswith("Failed to build `numpy`")
    assert told.words.endswith("NameError: CCompiler")
