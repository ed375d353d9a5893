"""The part of the package that needs an extra, which not everyone installs."""

import importlib
from types import ModuleType

from dactyl_jax.errors import UserError


def viewer() -> ModuleType:
    """Imports `dactyl_jax.viewer`.

    Raises:
        UserError: its packages are not installed.
    """
    try:
        return importlib.import_module("dactyl_jax.viewer")
    except ModuleNotFoundError as error:
        raise UserError(f'{error}: install the viewer with pip install -e ".[viewer]"') from None
