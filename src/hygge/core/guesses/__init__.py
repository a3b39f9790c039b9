"""What looks like a secret in a text never seen before: guessed by shapes, each with a name.

| module | what is in it |
| --- | --- |
| `shapes.py` | what a shape is, and the one engine that runs them |
| `words.py` | by which names secrets go, and how values are quoted |
| `web.py`, `sql.py`, `named.py`, `yaml.py` | the shapes |
| `names.py` | which names of settings and variables are those of secrets |

What is guessed wrongly is blotted: rather a word too many. But a column's type and a count of rows
are no secrets, whatever the column is called, nor is what only has to do with one: `token_count`.
"""

from hygge.core.guesses import named, sql, web, yaml
from hygge.core.guesses.names import is_about_a_secret as is_about_a_secret
from hygge.core.guesses.names import names_a_secret as names_a_secret
from hygge.core.guesses.names import variable_is_secret as variable_is_secret
from hygge.core.guesses.shapes import MASK as MASK
from hygge.core.guesses.shapes import Shape as Shape
from hygge.core.guesses.shapes import values_in as values_in
from hygge.core.guesses.shapes import without as without
from hygge.core.guesses.web import is_url as is_url
from hygge.core.guesses.web import password_of as password_of

IN_ANY_TEXT: tuple[Shape, ...] = (*web.SHAPES, *sql.SHAPES, *named.SHAPES)
"""What no prose has, so that it is blotted out of hygge's own words too."""
IN_YAML: tuple[Shape, ...] = yaml.SHAPES
"""What hygge's own words have as well, where they tell of a column or an entity of such a name."""
IN_VALUES: tuple[Shape, ...] = (*web.SHAPES, *named.SHAPES)
"""What is looked for in a value, such as an address or a list of settings."""
