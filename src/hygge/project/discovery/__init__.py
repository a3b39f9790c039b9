"""A flow and its entities' files from a source's catalogue, and kept up to date with it."""

from hygge.project.discovery.changes import Discovery as Discovery
from hygge.project.discovery.changes import Edit as Edit
from hygge.project.discovery.changes import Folder as Folder
from hygge.project.discovery.changes import discover as discover
from hygge.project.discovery.dbt import sources_text as sources_text
from hygge.project.discovery.record import Choice as Choice
from hygge.project.discovery.record import Record as Record
