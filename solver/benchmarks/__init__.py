"""What the allocator is measured by: ``make bench-solver``, or ``python -m benchmarks``."""
