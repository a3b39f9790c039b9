"""A load's stage when its destination lies elsewhere: parts go to the destination itself, under
names that nobody reads before a manifest lists them; rows that wait to be merged wait here."""

from __future__ import annotations

from pathlib import Path

from hygge.core.errors import HyggeError
from hygge.core.scratch import Scratch
from hygge.files.parts import Part
from hygge.storage.path import RemotePath

STEPS = (
    "objects.begun", "files.part_written", "objects.uploaded", "objects.staged",
    "objects.published", "objects.checked", "objects.cleaned",
)  # fmt: skip
"""Steps of a load, in order; those of parts come once for each part."""


class RemoteStage:
    """One load's own.

    Parameters
    ----------
    destination: the folder that is loaded.
    stem: what names of this load's parts begin with, and no other load's.
    """

    def __init__(self, destination: RemotePath, stem: str) -> None:
        self.destination, self.stem = destination, stem
        self._scratch: Scratch | None = None

    @property
    def folder(self) -> Path:
        """A folder of this machine's, made when first asked for and removed with the stage."""
        if self._scratch is None:
            self._scratch = Scratch()
        return self._scratch.path

    @property
    def new(self) -> RemotePath:
        """Where parts of the next generation go."""
        return self.destination

    @property
    def incoming(self) -> Path:
        """Rows that wait to be merged."""
        return self.folder / "incoming"

    def keep(self, part: Part) -> None:
        """Parts that stay lie where they are; the next manifest lists them as the last did."""

    def lying(self) -> dict[str, int]:
        """The parts of this load that lie at the destination, and their sizes."""
        below = self.destination.tree.below(self.destination.key)
        return {e.name: e.size for e in below if e.name.startswith(self.stem)}

    def let_go(self) -> None:
        """Leave what was uploaded, and remove what is here. Safe more than once."""
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def remove(self) -> None:
        """Remove what was uploaded; what cannot be now is removed by a later load, by its age."""
        self.let_go()
        try:
            names = self.lying()
            self.destination.tree.delete([(self.destination / name).key for name in names])
        except HyggeError:
            pass
