"""What the Stores and Homes of table formats (Delta, Iceberg) share: places, files, types."""
