"""What mpq's whole-model tests and benchmarks share: models, data, metrics, tools.

None of this is part of the product: the product needs no Python.
"""
