"""The words that several concepts share; each is stored by its GraphQL name."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Self, TypeVar

import strawberry


class Word(str, Enum):  # noqa: UP042 - StrEnum takes no description beside the value
    """A string that tells its meaning: ``NAME = "NAME", "what it means"``."""

    description: str

    def __new__(cls, value: str, description: str) -> Self:
        """Make the word: a string that has a description."""
        word = str.__new__(cls, value)
        word._value_ = value
        word.description = description
        return word

    __str__ = str.__str__


T = TypeVar("T", bound=Word)


def words(description: str) -> Callable[[type[T]], type[T]]:
    """Return a decorator that shows an enum of words in the schema, each with its description."""

    def show(cls: type[T]) -> type[T]:
        shown: Any = strawberry.enum(cls, description=description)
        for value in shown.__strawberry_definition__.values:
            value.description = cls[value.name].description
        return cls

    return show


@words("Where a bucket, an object, a document or an upload stands.")
class Status(Word):
    PENDING = "PENDING", "Waiting for a run to take it up; an upload: for its bytes."
    QUEUED = "QUEUED", "Handed to a run that has not started it."
    IN_PROGRESS = "IN_PROGRESS", "Being worked on; a bucket: being deleted."
    PROCESSING = "PROCESSING", "Inside an extractor."
    COMPLETED = "COMPLETED", "Done, without errors."
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS", "Done, but parts of it failed."
    FAILED = "FAILED", "Ended by an error; `error` tells which."
    CANCELED = "CANCELED", "Stopped on request."
    UNKNOWN = "UNKNOWN", "The engine that had it does not answer for it."
    SKIPPED = "SKIPPED", "Left out by the run."
    DRAFT = "DRAFT", "Kept, and inert until a batch takes it."
    ACTIVE = "ACTIVE", "Open for use."
    ARCHIVED = "ARCHIVED", "Kept for reading only."
    SUSPENDED = "SUSPENDED", "Closed to writes for now."


@words("The type of a property of a bucket's schema, or of a blob.")
class FieldType(Word):
    STRING = "STRING", "Text in the metadata, or a blob of plain text."
    NUMBER = "NUMBER", "Any JSON number."
    INTEGER = "INTEGER", "A whole number."
    FLOAT = "FLOAT", "A number; 3 is as good as 3.5."
    BOOLEAN = "BOOLEAN", "true or false."
    OBJECT = "OBJECT", "A JSON object, which may describe its own properties."
    ARRAY = "ARRAY", "A JSON array, which may describe its items."
    DATE = "DATE", "A day, as in 2026-11-21."
    DATETIME = "DATETIME", "A moment with its offset, as in 2026-11-21T22:04:12Z (RFC 3339)."
    TEXT = "TEXT", "A blob of text."
    IMAGE = "IMAGE", "A blob: a picture."
    AUDIO = "AUDIO", "A blob: sound."
    VIDEO = "VIDEO", "A blob: moving pictures."
    PDF = "PDF", "A blob: a PDF file."
    EXCEL = "EXCEL", "A blob: a spreadsheet."
    JSON = "JSON", "A blob of structured data."
    BINARY = "BINARY", "A blob of any bytes."


@words("What something was made from.")
class SourceType(Word):
    BUCKET = "BUCKET", "Objects of a bucket."
    COLLECTION = "COLLECTION", "Documents of a collection."
    TAXONOMY = "TAXONOMY", "A taxonomy."
    CLUSTER = "CLUSTER", "A cluster."


@words("What becomes of a new object whose unique key its bucket has already, or has not yet.")
class InsertPolicy(Word):
    INSERT = "INSERT", "A new object; refused if the key is there."
    UPDATE = "UPDATE", "The object with the key changes; refused if there is none."
    UPSERT = "UPSERT", "The object with the key changes; if there is none, it is made."


@words("What becomes of the other inputs of a bulk when some fail.")
class OnError(Word):
    CONTINUE = "CONTINUE", "They are kept."
    ABORT_ALL = "ABORT_ALL", "None is kept."


@words("The part that a blob of a document plays.")
class BlobRole(Word):
    SOURCE = "SOURCE", "What the document was made from."
    PROCESSED = "PROCESSED", "The source in another form."
    THUMBNAIL = "THUMBNAIL", "A small picture of it."
    ARTIFACT = "ARTIFACT", "Something the extractor made on the way."
    AUX = "AUX", "Anything else."


@words("What an API key may do; each includes those before it.")
class Permission(Word):
    READ = "READ", "Query everything in the namespace."
    WRITE = "WRITE", "Create and patch as well."
    DELETE = "DELETE", "Delete as well."
    ADMIN = "ADMIN", "Manage namespaces and API keys as well."

    def includes(self, other: Permission) -> bool:
        """Tell whether holding this permission is holding ``other``."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {each: rank for rank, each in enumerate(Permission)}


@words("Whether an API key can be used.")
class KeyStatus(Word):
    ACTIVE = "ACTIVE", "It can."
    REVOKED = "REVOKED", "It was withdrawn, for good."
    EXPIRED = "EXPIRED", "Its time is over."


@words("Upwards or downwards.")
class Direction(Word):
    ASC = "ASC", "The smallest or earliest first."
    DESC = "DESC", "The largest or latest first."


@words("A kind of thing that events tell of.")
class EntityKind(Word):
    BUCKET = "BUCKET", "A bucket."
    OBJECT = "OBJECT", "An object of a bucket."
    DOCUMENT = "DOCUMENT", "A document of a collection."
    COLLECTION = "COLLECTION", "A collection."
    UPLOAD = "UPLOAD", "An upload."


@words("What happened to something.")
class EventKind(Word):
    CREATED = "CREATED", "It was made."
    UPDATED = "UPDATED", "It changed, and kept its status."
    STATUS_CHANGED = "STATUS_CHANGED", "Its status changed, and perhaps more."
    DELETED = "DELETED", "It is gone."
