"""Delta tables, through the library deltalake (delta-rs)."""

import os
from contextlib import suppress

# When it is imported, delta-rs sets up a log of its own, to stderr and from warnings on: three
# lines of Rust where S3 is asked without a region, for one. What goes wrong is raised as well.
# Whoever sets RUST_LOG (https://docs.rs/env_logger) wants to see it. A driver that is missing is
# told where it is needed.
if "RUST_LOG" not in os.environ:
    os.environ["RUST_LOG"] = "error"
    with suppress(ModuleNotFoundError):
        import deltalake as deltalake
    del os.environ["RUST_LOG"]
