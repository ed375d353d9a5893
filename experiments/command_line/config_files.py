"""Configuration files: Python modules with `get_config()`."""

import importlib.util
import traceback
from pathlib import Path
from typing import Protocol

from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax.errors import UserError


class Schema(Protocol):
    """A module that defines the fields of a configuration."""

    def default(self) -> ConfigDict:
        """Returns all fields with their defaults."""

    def validate(self, config: ConfigDict) -> None:
        """Raises ValueError if a field has an invalid value."""


def load_config_file(path: str, schema: Schema = config_lib) -> ConfigDict:
    """Runs `get_config()` of a Python file; the result must have the fields of `schema`.

    Raises:
        UserError: the file does not exist, fails, or returns an incomplete configuration.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(
            f"--config: the file {path!r} does not exist; name a Python file with get_config()"
        )
    specification = importlib.util.spec_from_file_location(f"config_file_{file.stem}", file)
    if specification is None or specification.loader is None:
        raise UserError(f"--config: {path!r} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        get_config = getattr(module, "get_config", None)
        if get_config is None:
            raise UserError(f"--config: {path!r} does not define get_config()")
        config = get_config()
    except UserError:
        raise
    except Exception as error:
        line = _line_in(file, error)
        where = f"{path!r}, line {line}" if line else repr(path)
        kind = type(error).__name__
        raise UserError(f"--config: {where} fails: {kind}: {error}; correct the file") from error
    if not isinstance(config, ConfigDict):
        raise UserError(
            f"--config: get_config() of {path!r} returns {type(config).__name__}; "
            f"start from {getattr(schema, '__name__', 'the')}.default(), a ConfigDict"
        )
    return config_lib.complete(config, origin=repr(path), expected=schema.default())


def _line_in(file: Path, error: Exception) -> int | None:
    """Returns the line of a configuration file that raised an error."""
    if isinstance(error, SyntaxError):
        return error.lineno
    lines = [
        entry.lineno
        for entry in traceback.extract_tb(error.__traceback__)
        if entry.filename == str(file)
    ]
    return lines[-1] if lines else None
