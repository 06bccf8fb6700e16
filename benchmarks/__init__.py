"""Measurements that take longer than a test may, or need data that the project does not contain."""
