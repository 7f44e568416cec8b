"""Taking on a changed script while serving."""
