"""From a notebook cell to a script that runs without the notebook: source, never pickles."""
