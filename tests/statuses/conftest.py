from __future__ import annotations

from tests.documents.making import family as family  # the fixture
