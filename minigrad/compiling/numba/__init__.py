"""The program of a step as loops over elements, compiled by numba."""
