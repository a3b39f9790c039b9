"""PostgreSQL's frontend/backend protocol 3.0, as far as moving rows needs it."""
