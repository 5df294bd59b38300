"""Packages of the extra `export`, imported where they are needed."""

import importlib
from types import ModuleType

from data.base.errors import PipelineError


def require_package(name: str) -> ModuleType:
    """Import a module of the extra `export`.

    Raises:
        PipelineError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PipelineError(
            f"got no package {name.partition('.')[0]} ({error}), expected those of the extra export: install them with "
            "pip install 'emotion-retraining[export]', or run make"
        ) from error
