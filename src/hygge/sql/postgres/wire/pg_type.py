"""Types by their numbers, which are the same on every server.

https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
"""

BOOL, BYTEA, NAME, TEXT, UNKNOWN, BPCHAR, VARCHAR = 16, 17, 19, 25, 705, 1042, 1043
INT8, INT2, INT4, OID, FLOAT4, FLOAT8, NUMERIC = 20, 21, 23, 26, 700, 701, 1700
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL = 1082, 1083, 1114, 1184, 1186
JSON, JSONB, UUID = 114, 3802, 2950

ARRAYS = {
    BOOL: 1000, BYTEA: 1001, NAME: 1003, TEXT: 1009, BPCHAR: 1014, VARCHAR: 1015,
    INT8: 1016, INT2: 1005, INT4: 1007, OID: 1028, FLOAT4: 1021, FLOAT8: 1022, NUMERIC: 1231,
    DATE: 1182, TIME: 1183, TIMESTAMP: 1115, TIMESTAMPTZ: 1185, INTERVAL: 1187,
    JSON: 199, JSONB: 3807, UUID: 2951,
}  # fmt: skip
"""The type of a type's arrays."""
