"""Shared by the connectors of databases: connections, dialects, catalogues."""
