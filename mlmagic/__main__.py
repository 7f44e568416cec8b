"""`python -m mlmagic` is the `mlmagic` command."""

from mlmagic.cli import main

main()
