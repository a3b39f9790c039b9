"""The modes as SQL: from names to statements. Pure functions; each mode's file has its equation.

`there` is what the table holds before a load and `coming` is what the load brings; `there - keys`
are the rows of `there` whose key does not come.

| mode | what the table holds after |
| --- | --- |
| `append` | there + coming |
| `replace` | coming |
| `merge` | (there - keys) + coming, where every key comes once |
| `delete_insert` | (there - keys) + coming; by window: (there outside the window) + coming |
| `scd2` | there, what changed or vanished closed, + a version of every new or changed row |

`deletes` comes before each of them, on what is there.
"""

from hygge.sql.settle.modes.words import altered as altered
from hygge.sql.settle.modes.words import count as count
from hygge.sql.settle.modes.words import delete_coming as delete_coming
from hygge.sql.settle.modes.words import doubled_key as doubled_key
from hygge.sql.settle.modes.words import insert as insert
from hygge.sql.settle.modes.words import null_key as null_key
from hygge.sql.settle.modes.words import state_of as state_of
