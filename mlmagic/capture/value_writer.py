"""Writes values of the notebook as source code: literals, and what can be named."""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import logging
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, MappingProxyType

from mlmagic.capture.attributes import attribute_refused, logger_settings, loggers_in
from mlmagic.capture.collected import Collected, Need
from mlmagic.capture.history import History
from mlmagic.capture.imports import import_for
from mlmagic.capture.pieces import Piece
from mlmagic.capture.refusals import Refused, live, too_long
from mlmagic.capture.sharing import shared_objects
from mlmagic.capture.tables import express_table, is_table
from mlmagic.capture.values import CARRY_LIMIT, INLINE_LIMIT, NotSource, express


class ValueWriter:
    """Adds values to ``collected``; the names that they use are left there to be resolved.

    ``carry`` are names whose values are written out although they are long, or arrays and tables.
    """

    def __init__(self, collected: Collected, history: History, carry: frozenset[str]) -> None:
        self._collected, self._history, self._carry = collected, history, carry
        self._written: dict[str, tuple[Need, object]] = {}
        """What `add_value` has written."""

    def add_member(self, need: Need, value: enum.Enum) -> None:
        early: set[str] = set()
        text = self.refer(value, need, early)
        if not text:
            kind = type(value).__name__
            raise Refused(
                f"is a member of {kind}, which is no longer defined in the notebook", "Import it in the cell."
            )
        self._collected.add(Piece(need.name, f"{need.name} = {text}\n", early=frozenset(early)))

    def add_partial(self, need: Need, value: functools.partial[object]) -> None:
        early: set[str] = set()
        inner = self.refer(value.func, need, early)
        if not inner:
            found = import_for(f"_{need.name}_function", value.func, self._history)
            if found is None:
                raise Refused(
                    "is a functools.partial of a function that is not in the notebook", "Write it with def."
                )
            self._collected.imports[found.name], inner = found, found.name
        try:
            given = [self.express(item, need, early) for item in value.args]
            named = [f"{key}={self.express(item, need, early)}" for key, item in value.keywords.items()]
        except NotSource:
            raise Refused(
                "is a functools.partial with arguments that are not literals", "Write it with def."
            ) from None
        self._collected.modules.add("functools")
        text = f"functools.partial({', '.join([inner, *given, *named])})"
        self._collected.add(Piece(need.name, f"{need.name} = {text}\n", early=frozenset(early)))

    def add_value(self, need: Need, value: object) -> None:
        name = need.name
        early: set[str] = set()
        try:
            text = self.express(value, need, early)
        except NotSource:
            raise live(name, value) from None
        if len(text) > CARRY_LIMIT:
            raise too_long(text, f"Ship it as a file with --asset {name}=PATH.")
        if len(text) > INLINE_LIMIT and name not in self._carry:
            raise too_long(text, f"Include it anyway with --carry {name}, or load it in init().")
        self._written[name] = (need, value)
        self._collected.add(_piece(name, value, text, early))

    def keep_shared(self) -> None:
        """Write an object that several values have in common once, so that they share it in the script."""
        values = {
            name: value
            for name, (_, value) in self._written.items()
            if name in self._collected.pieces and not is_table(value)
        }
        if not (shared := shared_objects(values)):
            return
        names = {}
        for number, each in enumerate(shared):
            names[id(each.value)] = next(
                (name for name in each.names if values[name] is each.value), f"_shared_{number}"
            )
        for each in shared:
            own = names[id(each.value)]
            if own not in values:
                need = self._written[next(iter(each.names))][0]
                self._write_once(own, each.value, need, names)
        for name in dict.fromkeys(name for each in shared for name in each.names):
            need, value = self._written[name]
            self._write_once(name, value, need, names)

    def _write_once(self, name: str, value: object, need: Need, names: Mapping[int, str]) -> None:
        early: set[str] = set()
        text = names.get(id(value), name)
        if text == name:
            text = self.express(value, need, early, names)
        early |= _names_in(text) & set(names.values())
        self._collected.pieces[name] = _piece(name, value, text, early)

    def express(
        self, value: object, need: Need, early: set[str], shared: Mapping[int, str] = MappingProxyType({})
    ) -> str:
        if need.name in self._carry and is_table(value):
            found = express_table(value)
        else:
            found = express(value, lambda inner: self.refer(inner, need, early), shared)
        self._collected.modules |= found.modules
        return found.text

    def refer(self, value: object, need: Need, early: set[str]) -> str:
        """Source that means ``value`` by its name, as in ``{"mean": mean}``; "" when it has none.

        The name goes to ``early`` and will be resolved.
        """
        if isinstance(value, enum.Enum):
            kind = self.refer(type(value), need, early)
            known = value.name in type(value).__members__
            return kind and (f"{kind}[{value.name!r}]" if known else f"{kind}({value.value!r})")
        if not isinstance(value, FunctionType | BuiltinFunctionType | type):
            return ""
        name = value.__name__
        if need.namespace.get(name) is value:
            self._collected.waiting.append(Need(name, need.line, need.user, need.namespace, early=True))
            early.add(name)
            return name
        return name if name not in need.namespace and vars(builtins).get(name) is value else ""

    def add_named_tuple(self, need: Need, value: type) -> None:
        """What ``collections.namedtuple`` made: its fields are all of its source."""
        fields = ", ".join(map(repr, vars(value)["_fields"]))
        defaults = tuple(vars(value)["_field_defaults"].values())
        early: set[str] = set()
        text = f"collections.namedtuple({value.__name__!r}, [{fields}]"
        text += f", defaults={self.express(defaults, need, early)})" if defaults else ")"
        self._collected.modules.add("collections")
        self._collected.add(Piece(need.name, f"{need.name} = {text}\n", early=frozenset(early)))

    def attribute(self, key: str, item: object, need: Need, early: set[str]) -> str:
        wrapper = type(item).__name__ if isinstance(item, staticmethod | classmethod | property) else ""
        if isinstance(item, property):
            parts: list[object] = [item.fget, item.fset, item.fdel]
        else:
            parts = [item.__func__ if isinstance(item, staticmethod | classmethod) else item]
        while len(parts) > 1 and parts[-1] is None:
            parts.pop()
        try:
            text = ", ".join(self.express(part, need, early) for part in parts)
        except NotSource:
            raise attribute_refused(key) from None
        if len(text) > INLINE_LIMIT:
            raise attribute_refused(key)
        return f"{wrapper}({text})" if wrapper else text


def _piece(name: str, value: object, text: str, early: set[str]) -> Piece:
    """The statement that gives ``name`` its value, and the settings of loggers in it."""
    source = f"{name} = {text}\n"
    if isinstance(value, logging.Logger):
        source += logger_settings(name, value)
    else:
        source += "".join(
            logger_settings(f"logging.getLogger({each.name!r})", each) for each in loggers_in(value)
        )
    return Piece(name, source, early=frozenset(early))


def _names_in(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
