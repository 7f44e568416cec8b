from __future__ import annotations

from mlmagic.capture.pieces import Piece, in_order


def order(*pieces: Piece) -> list[str]:
    return [piece.name for piece in in_order({piece.name: piece for piece in pieces})]


def piece(name: str, needs: str = "", early: str = "", rebinds: str = "") -> Piece:
    source = f"def {name}(): ...\n" if name.islower() else f"{name} = 1\n"
    return Piece(name, source, frozenset(needs.split()), frozenset(early.split()), rebinds)


def test_values_come_first_and_callers_wait_for_nobody() -> None:
    assert order(piece("f", needs="g K"), piece("g", needs="f"), piece("K")) == ["K", "f", "g"]


def test_all_that_a_decorator_may_call_comes_before() -> None:
    pieces = [piece("f", early="deco"), piece("deco", needs="note"), piece("note")]
    assert order(*pieces)[-1] == "f"


def test_a_decorated_function_used_by_its_decorator_still_has_an_order() -> None:
    assert order(piece("f", needs="g"), piece("g", early="f")) == ["f", "g"]
    assert order(piece("g", early="f"), piece("f", needs="g")) == ["f", "g"]


def test_an_old_function_of_the_same_name_comes_first() -> None:
    assert order(piece("f", needs="old"), piece("old", rebinds="f")) == ["old", "f"]


def test_a_long_chain_is_no_trouble() -> None:
    chain = [piece(f"f{n}", early=f"f{n + 1}") for n in range(300)]
    assert order(*chain)[0] == "f299"
