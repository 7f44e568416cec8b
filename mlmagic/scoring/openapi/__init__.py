"""What a service says of itself: OpenAPI for programs, a page for people."""
