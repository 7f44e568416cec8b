"""From a request to the arguments of run()."""
