"""Benchmarks of sending, callbacks, imports, launches and pages, each beside a reference."""
