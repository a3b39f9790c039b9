"""Can this Python make hygge's `.venv`? Says what is missing if not.

Kept to syntax that every Python can read, so that an old one gets the message and not a SyntaxError.
"""

import sys

OLDEST = (3, 11)


def problem():
    """What is wrong with this interpreter, or an empty string."""
    found = "%d.%d.%d" % sys.version_info[:3]
    if sys.version_info < OLDEST:
        wanted = "%d.%d" % OLDEST
        return (
            "hygge needs Python %s or newer; %s is Python %s.\n"
            "hint: name another one, as in: make PYTHON=python%s"
            % (wanted, sys.executable, found, wanted)
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        return (
            "Python %s at %s cannot make a virtual environment (%s).\n"
            "hint: install its venv package; on Debian and Ubuntu: apt install python%d.%d-venv"
            % ((found, sys.executable, error) + sys.version_info[:2])
        )
    return ""


if __name__ == "__main__":
    sys.exit(problem() or None)
