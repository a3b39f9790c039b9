"""SQL Server, and what speaks its protocol, by Microsoft's own driver."""
