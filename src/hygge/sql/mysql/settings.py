"""What sessions of MySQL and MariaDB that write are set to."""

WRITING = (
    # A session that writes must see what others have committed meanwhile.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    # Errors that are errors, backslashes that escape, a 0 that stays one in a column that counts;
    # https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,"
    "ERROR_FOR_DIVISION_BY_ZERO', sql_notes = 1, max_error_count = 64",
)
