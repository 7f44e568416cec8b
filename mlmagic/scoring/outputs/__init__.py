"""From what run() returned to the body of a response."""
