"""The two consoles of the `emotion` command."""

from rich.console import Console

console = Console(emoji=False)
error_console = Console(stderr=True, emoji=False)
"""Both take [brackets] for markup: escape names, paths and whatever else comes from outside."""
