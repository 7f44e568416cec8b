"""What is done at a service when it is its turn: see `mlmagic.engine.turn`."""
