"""The same requests to the reference server and to ours; every difference must be one that is meant."""
