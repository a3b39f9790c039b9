"""From YAML and environment to validated, merged, per-entity settings that know their origin."""

from hygge.project.documents import JournalSettings as JournalSettings
from hygge.project.expand import Expansion as Expansion
from hygge.project.expand import expand as expand
from hygge.project.expand import expand_tables as expand_tables
from hygge.project.finding import find_project as find_project
from hygge.project.load import load_project as load_project
from hygge.project.load import nearest_surroundings as nearest_surroundings
from hygge.project.places import check_places as check_places
from hygge.project.schema import json_schema as json_schema
from hygge.project.settings import EntitySettings as EntitySettings
from hygge.project.settings import Incremental as Incremental
from hygge.project.specs import EntitySpec as EntitySpec
from hygge.project.specs import FlowSpec as FlowSpec
from hygge.project.specs import Project as Project
