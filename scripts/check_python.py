"""Can this Python make hygge's `.venv`? Says what is missing if not.

Kept to syntax that every Python can read: an old one is to get the message, not a SyntaxError.
"""

import sys

OLDEST = (3, 11)


def problem():
    """What is wrong with this interpreter, or an empty string."""
    this = "Python {}.{}.{} at {}".format(*(tuple(sys.version_info[:3]) + (sys.executable,)))
    if sys.version_info < OLDEST:
        return (
            "hygge needs Python {0}.{1} or newer; this is {2}.\n"
            "hint: name another one, as in: make PYTHON=python{0}.{1}".format(*(OLDEST + (this,)))
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        return (
            "{} cannot make a virtual environment ({}).\n"
            "hint: install its venv package; on Debian and Ubuntu: apt install python{}.{}-venv"
        ).format(this, error, *sys.version_info[:2])
    return ""


if __name__ == "__main__":
    sys.exit(problem() or None)
