"""Contract suites and fault tools for connector authors; needs `hygge[testing]`.

A connector's test subclasses a suite and says how to lay data down, or how to read it back, by
means that share no code with the connector:

    from hygge.testing.homes import HomeContract

    class TestMyHome(HomeContract):
        def make(self, frame, schema):
            frame.write_ipc(self.folder / "data.arrow")
            return MyHome(path=self.folder / "data.arrow")

Gaps are declared with reasons (see `hygge.testing.quirks`), and a gap that has closed fails.
"""
