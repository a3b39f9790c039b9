"""Fabric's open mirroring: files for a landing zone, which Fabric makes tables of."""
