"""The state of a cluster: applications, models, versions and links. Clipper keeps it in Redis, this one in a file.

The rules and messages are Clipper's: names of applications and versions of a model are unique, and an application has
at most one model, with the same input type. A call that breaks a rule is refused and changes nothing.
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["INPUT_TYPES", "State", "StateError"]

#: Clipper's input types, by each name that it accepts for them.
INPUT_TYPES = {
    "bytes": "bytes", "byte": "bytes", "b": "bytes",
    "integers": "integers", "ints": "integers", "int": "integers", "i": "integers",
    "floats": "floats", "float": "floats", "f": "floats",
    "doubles": "doubles", "double": "doubles", "d": "doubles",
    "strings": "strings", "string": "strings", "s": "strings",
}  # fmt: skip


class StateError(Exception):
    """A call breaks one of Clipper's rules; the text is Clipper's own answer."""


def _typed(request: dict[str, Any], key: str, kind: type) -> Any:
    """Return a field of a request, or raise an error if it is missing or of another type."""
    if key not in request:
        raise StateError(f'Error parsing JSON: JSON object does not have required key: "{key}"')
    value = request[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise StateError(f'Error parsing JSON: value of "{key}" is not of type {kind.__name__}')
    return value


def _input_type(request: dict[str, Any]) -> str:
    given = _typed(request, "input_type", str)
    if given not in INPUT_TYPES:
        raise StateError(f"Invalid input type: {given}. Known: bytes, integers, floats, doubles, strings")
    return INPUT_TYPES[given]


class State:
    """Applications, models and links of a cluster.

    Parameters
    ----------
    known : dict, optional
        A state as from `as_dict`; by default the new state is empty.

    Attributes
    ----------
    apps : dict
        Applications by name: input type, default output, latency objective in microseconds, linked models.
    models : dict
        Models by name, then version: what was registered.
    current : dict
        The current version of each model, by its name.
    """

    def __init__(self, known: dict[str, Any] | None = None) -> None:
        known = known or {}
        self.apps: dict[str, dict[str, Any]] = known.get("apps", {})
        self.models: dict[str, dict[str, dict[str, Any]]] = known.get("models", {})
        self.current: dict[str, str] = known.get("current", {})

    def as_dict(self) -> dict[str, Any]:
        """Return the whole state in types that JSON can represent."""
        return {"apps": self.apps, "models": self.models, "current": self.current}

    @classmethod
    def load(cls, file: str | PathLike[str]) -> State:
        """Return the state in a `file`, or an empty one if the file does not exist."""
        path = Path(file)
        return cls(json.loads(path.read_text(encoding="utf-8")) if path.exists() else None)

    def save(self, file: str | PathLike[str]) -> None:
        """Write the state to a `file` atomically."""
        path = Path(file)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(self.as_dict()), encoding="utf-8")
        new.replace(path)

    def add_app(self, request: dict[str, Any]) -> str:
        """Register an application (`request`: its name, input_type, default_output and latency_slo_micros)."""
        name = _typed(request, "name", str)
        app = {
            "name": name,
            "input_type": _input_type(request),
            "default_output": _typed(request, "default_output", str),
            "latency_slo_micros": _typed(request, "latency_slo_micros", int),
            "linked_models": [],
        }
        if not name or not name.isprintable() or set(name) & set("/?# %"):
            raise StateError(f"Error application name {name!r} cannot be part of an address")
        if app["latency_slo_micros"] <= 0:
            raise StateError("Error latency_slo_micros is not above 0")
        if name in self.apps:
            raise StateError(f"Error application {name} already exists")
        self.apps[name] = app
        return "Success!"

    def delete_app(self, request: dict[str, Any]) -> str:
        """Remove an application (`request`: its name)."""
        del self.apps[self._app(_typed(request, "name", str))["name"]]
        return "Success!"

    def add_model_links(self, request: dict[str, Any]) -> str:
        """Link an application to a model; it may have only one (`request`: app_name, model_names)."""
        app, names = self._app(_typed(request, "app_name", str)), _typed(request, "model_names", list)
        for name in names:
            if not isinstance(name, str) or not self.models.get(name):
                raise StateError(f"No model with name '{name}' exists")
            kind = self._model_type(name)
            if kind != app["input_type"]:
                raise StateError(
                    f"Model with name '{name}' has incompatible input_type '{kind}'. "
                    f"Requested app to link to has input_type '{app['input_type']}'"
                )
        linked = set(app["linked_models"]) | set(names)
        if len(linked) > 1:
            raise StateError(
                f"Applications can be linked to at most one model: {app['name']} would have {', '.join(sorted(linked))}"
            )
        app["linked_models"] = sorted(linked)
        return "Success!"

    def delete_model_links(self, request: dict[str, Any]) -> str:
        """Unlink an application from its model (`request`: app_name, model_names)."""
        app, names = self._app(_typed(request, "app_name", str)), _typed(request, "model_names", list)
        for name in names:
            if name not in app["linked_models"]:
                raise StateError(f"Model with name '{name}' is not linked to app with name '{app['name']}'")
        app["linked_models"] = [name for name in app["linked_models"] if name not in names]
        return "Success!"

    def add_model(self, request: dict[str, Any]) -> str:
        """Register a version of a model and make it the current one (`request`: what the client sends)."""
        name, version = _typed(request, "model_name", str), _typed(request, "model_version", str)
        info = {
            "model_name": name,
            "model_version": version,
            "labels": [str(label) for label in _typed(request, "labels", list)],
            "input_type": _input_type(request),
            "container_name": _typed(request, "container_name", str),
            "model_data_path": _typed(request, "model_data_path", str),
            "batch_size": request.get("batch_size", -1),
        }
        if version in self.models.get(name, {}):
            raise StateError(f"Error model {name}:{version} already exists")
        for app in self.apps.values():
            if name in app["linked_models"] and app["input_type"] != info["input_type"]:
                raise StateError(
                    f"Model with name '{name}' has incompatible input_type '{info['input_type']}'. "
                    f"App '{app['name']}', linked to it, has input_type '{app['input_type']}'"
                )
        self.models.setdefault(name, {})[version] = info
        self.current[name] = version
        return "Success!"

    def set_model_version(self, request: dict[str, Any]) -> str:
        """Make another version of a model the current one (`request`: model_name and model_version)."""
        name, version = _typed(request, "model_name", str), _typed(request, "model_version", str)
        if version not in self.models.get(name, {}):
            raise StateError(f"ERROR: Version {version} does not exist for model {name}")
        self.current[name] = version
        return "SUCCESS"

    def delete_versioned_model(self, request: dict[str, Any]) -> str:
        """Remove a version of a model (`request`: model_name and model_version)."""
        name, version = _typed(request, "model_name", str), _typed(request, "model_version", str)
        versions = self.models.get(name, {})
        if version not in versions:
            raise StateError(f"No model with name '{name}' and version '{version}' exists")
        del versions[version]
        if self.current.get(name) == version:
            del self.current[name]
        if not versions:
            del self.models[name]
        return "Success!"

    def get_linked_models(self, request: dict[str, Any]) -> list[str]:
        """Return the models that an application is linked to (`request`: the app_name)."""
        return self.apps.get(_typed(request, "app_name", str), {}).get("linked_models", [])

    def get_application(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return an application, or an empty dict if there is none (`request`: its name)."""
        return self.apps.get(_typed(request, "name", str), {})

    def get_all_applications(self, request: dict[str, Any]) -> list[Any]:
        """Return all applications (`request`: whether to be verbose)."""
        return list(self.apps.values()) if _typed(request, "verbose", bool) else list(self.apps)

    def get_model(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return a version of a model, or an empty dict if there is none (`request`: model_name and model_version)."""
        name, version = _typed(request, "model_name", str), _typed(request, "model_version", str)
        info = self.models.get(name, {}).get(version)
        return info | {"is_current_version": self.current.get(name) == version} if info else {}

    def get_all_models(self, request: dict[str, Any]) -> list[Any]:
        """Return all versions of all models (`request`: whether to be verbose)."""
        pairs = [
            {"model_name": name, "model_version": version} for name in self.models for version in self.models[name]
        ]
        if _typed(request, "verbose", bool):
            return [self.get_model(pair) for pair in pairs]
        return [f"{pair['model_name']}:{pair['model_version']}" for pair in pairs]

    def _app(self, name: str) -> dict[str, Any]:
        if name not in self.apps:
            raise StateError(f"No application with name '{name}' exists")
        return self.apps[name]

    def _model_type(self, name: str) -> str:
        """Return the input type of a model's current version."""
        versions = self.models[name]
        return versions.get(self.current.get(name, ""), next(iter(versions.values())))["input_type"]
