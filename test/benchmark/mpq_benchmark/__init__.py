"""The parts of bench.py: what is measured, who measures it, and how results are shown (docs/Benchmarks.md)."""
