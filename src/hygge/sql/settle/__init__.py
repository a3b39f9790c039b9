"""Settling in a database: stages, modes, state and the commit, the same for every one of them."""
