"""All that a connector may see: contracts, fields, errors, events."""
