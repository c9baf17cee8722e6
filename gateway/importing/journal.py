"""Which uploads in parts an import has begun, so that the next one goes on with them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path


class Journal:
    """A small file that is always whole; it goes when nothing is left to go on with."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self._path = path
        self._begun: dict[str, str] = {}
        if not fresh:
            with contextlib.suppress(FileNotFoundError, ValueError):
                read = json.loads(path.read_text())
                self._begun = {str(name): str(id) for name, id in read.items()}

    @classmethod
    def of(cls, folder: Path, *what: str, fresh: bool = False) -> Journal:
        """Return the journal in a folder that belongs to this import and to no other."""
        name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
        return cls(folder / f"{name}.json", fresh=fresh)

    def find(self, path: str, sha256: str) -> str | None:
        """Return the id of the upload that was begun for a file as it is now."""
        return self._begun.get(f"{sha256} {path}")

    def begin(self, path: str, sha256: str, upload_id: str) -> None:
        """Note an upload."""
        self._begun[f"{sha256} {path}"] = upload_id
        self._write()

    def end(self, path: str, sha256: str) -> None:
        """Forget the upload of a file, if there is one."""
        if self._begun.pop(f"{sha256} {path}", None) is not None:
            self._write()

    def _write(self) -> None:
        if not self._begun:
            self._path.unlink(missing_ok=True)
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._path.parent)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self._begun, file)
        Path(name).replace(self._path)
