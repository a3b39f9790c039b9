"""Delta tables, through the library deltalake (delta-rs)."""
