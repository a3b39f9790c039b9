import a_driver_that_is_not  # noqa: F401 - what the test is about
