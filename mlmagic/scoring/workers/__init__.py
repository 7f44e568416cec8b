"""Several processes that serve one address: the workers of a service, and the dispatcher that starts them."""
