"""MRQ beside what the database drivers alone can do, in one run: `python -m benchmarks`."""
