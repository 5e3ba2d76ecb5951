"""Homes, servers, certificates and credentials for tests that drive real clients against the real server."""
