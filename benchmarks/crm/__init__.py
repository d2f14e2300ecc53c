"""The application that the benchmarks sync: one model, one remote."""
