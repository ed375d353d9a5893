"""Imports of optional dependencies, which an extra installs."""

import importlib
from types import ModuleType

from dactyl_jax.errors import UserError


def viewer() -> ModuleType:
    """Imports `dactyl_jax.viewer`.

    Raises:
        UserError: the packages of the extra `viewer` are not installed.
    """
    try:
        return importlib.import_module("dactyl_jax.viewer")
    except ModuleNotFoundError as error:
        raise UserError(f'{error}: install the viewer with pip install -e ".[viewer]"') from None
