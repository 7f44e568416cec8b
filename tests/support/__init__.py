"""What tests of several rooms share: fixtures (tests/conftest.py loads them), samples, servers, waiting."""
