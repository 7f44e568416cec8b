"""A request through run() to its answer: in turn, in time, together with others, or piece by piece."""
