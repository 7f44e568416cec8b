"""The settings file of azureml-inference-server-http: a JSON object of settings, by their names.

The variable ``AZUREML_CONFIG_FILE`` names it. Otherwise it is a ``config.json`` in the source directory or
beside the script, if that holds a setting: other programs have files of this name too. An environment
variable overrides its value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmagic.scoring.environment import APP_ROOT, ENTRY_SCRIPT, MODEL_DIR, SOURCE_DIRECTORY
from mlmagic.scoring.settings import SETTINGS, SETTINGS_FILE, InvalidSetting, Setting

DEFAULT_NAME = "config.json"
_KEYS = {setting.name: setting for setting in SETTINGS if setting.kind is not None}
_SWITCHES = {
    **dict.fromkeys(("true", "1", "yes", "y", "on", "t"), "true"),
    **dict.fromkeys(("false", "0", "no", "n", "off", "f"), "false"),
}
_PATHS = frozenset((APP_ROOT, ENTRY_SCRIPT, MODEL_DIR))
_RULES = {"text": "text", "integer": "a whole number", "switch": "true or false"}


@dataclass(frozen=True)
class SettingsFile:
    """``values`` are those of the environment variables; ``unknown`` are the keys that are no settings."""

    path: Path
    values: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path, *, optional: bool = False) -> SettingsFile | None:
        """The settings in the file at ``path``; None if it is ``optional`` and holds no setting.

        An empty file holds none. Raises `InvalidSetting`.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            if optional:
                return None
            why = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
            raise InvalidSetting(f"{SETTINGS_FILE} is {str(path)!r}: {why}") from error
        if optional and not any(f'"{name}"' in text for name in _KEYS):
            return None
        try:
            found = json.loads(text) if text.strip() else {}
        except ValueError as error:
            raise InvalidSetting(f"{path} is not JSON: {error}") from error
        if not isinstance(found, dict):
            if optional:
                return None
            raise InvalidSetting(f"{path} holds a {type(found).__name__}: it must hold a JSON object")
        values = {
            name: _written(_KEYS[name], value, path)
            for name, value in found.items()
            if name in _KEYS and value is not None
        }
        if optional and not values:
            return None
        return cls(path, values, tuple(name for name in found if name not in _KEYS))

    def apply(self, environment: MutableMapping[str, str]) -> list[str]:
        """Set the variables that ``environment`` has not; sentences for the log about what was done.

        The source directory is left out: it is a folder to import from (`ScriptEnvironment.import_from`).
        """
        used, overridden = [], []
        for name, value in self.values.items():
            if name == SOURCE_DIRECTORY:
                continue
            setting = _KEYS[name]
            if name not in environment:
                environment[name] = value
                used.append(setting.shown(value))
            elif not _is_same(name, value, environment):
                overridden.append(setting.shown(value))
        sentences = [f"settings from {self.path}: {', '.join(used)}"] if used else []
        if overridden:
            sentences.append(f"environment variables override {', '.join(overridden)} of {self.path}")
        if self.unknown:
            sentences.append(f"{self.path} has keys that are no settings: {', '.join(self.unknown)}")
        return sentences


def settings_file(environment: Mapping[str, str], *folders: Path) -> SettingsFile | None:
    """The file that ``environment`` names, else the first config.json of ``folders`` that holds a setting.

    A relative path is looked for in ``folders`` first, then in the working directory.
    Raises `InvalidSetting`.
    """
    if named := environment.get(SETTINGS_FILE, "").strip():
        places = [*(folder / named for folder in folders), Path(named)]
        return SettingsFile.read(next((each for each in places if each.is_file()), places[-1]))
    for folder in dict.fromkeys(folders):
        found = SettingsFile.read(folder / DEFAULT_NAME, optional=True)
        if found is not None:
            return found
    return None


def script_of(environment: Mapping[str, str], folder: Path) -> tuple[str, str | None] | None:
    """The script and its source directory, if variables or a settings file in ``folder`` name a script.

    Raises `InvalidSetting`.
    """
    found = settings_file(environment, folder)
    known = {**(found.values if found else {}), **environment}
    script = known.get(ENTRY_SCRIPT, "").strip()
    return (script, known.get(APP_ROOT, "").strip() or None) if script else None


def _is_same(name: str, value: str, environment: Mapping[str, str]) -> bool:
    """Whether the variable ``name`` has this value, or is another path of the same file."""
    if name not in _PATHS:
        return environment[name] == value
    root = environment.get(APP_ROOT, "")
    return os.path.realpath(os.path.join(root, value)) == os.path.realpath(environment[name])


def _written(setting: Setting, value: Any, path: Path) -> str:
    """``value`` as an environment variable has it. Raises `InvalidSetting`."""
    text: str | None = None
    if setting.kind == "text":
        text = value if isinstance(value, str) else None
    elif setting.kind == "switch":
        text = _SWITCHES.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None
    elif not isinstance(value, bool):
        text = _whole(value)
    if text is None or "\0" in text:
        rule = _RULES[setting.kind or "text"]
        shown = "its value" if setting.secret else json.dumps(value)[:100]
        raise InvalidSetting(f"{setting.name} in {path} is {shown}: it must be {rule}")
    return text


def _whole(value: Any) -> str | None:
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.5
        return str(int(number)) if number == int(number) else None
    except (ValueError, OverflowError):  # text that is no number, or infinity
        return None
