"""SQLite: its types, files, catalogue, reading and writing.

Everything here goes through one SQLite library, the one inside the ADBC driver. POSIX locks do not
hold between two copies of SQLite within one process, and closing a file in one copy drops the
locks of the other (https://sqlite.org/howtocorrupt.html, 2.2.1), so the standard library's
`sqlite3` is used only on connections that a caller hands over.
"""
