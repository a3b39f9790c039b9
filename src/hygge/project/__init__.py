"""From YAML and environment to validated, merged, per-entity settings that know their origin."""

from hygge.project.settings import EntitySettings as EntitySettings
from hygge.project.settings import Incremental as Incremental
from hygge.project.settings import JournalSettings as JournalSettings
from hygge.project.specs import EntitySpec as EntitySpec
from hygge.project.specs import FlowSpec as FlowSpec
from hygge.project.specs import Project as Project
