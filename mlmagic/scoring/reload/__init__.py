"""Live reload: a changed script replaces the one that is served."""
