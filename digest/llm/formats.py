"""Structured output: the JSON schema of an answer, and the ways to request it. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from digest.llm.profile import ResponseFormat


def response_format(wanted: ResponseFormat, name: str, form: type[BaseModel]) -> dict[str, Any] | None:
    """Return the request's `response_format`; None if the request should have none."""
    if wanted is ResponseFormat.TEXT:
        return None
    if wanted is ResponseFormat.JSON_OBJECT:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema(form)}}


@lru_cache(
    maxsize=32
)  # every call needs it, and computing it takes as long as building the rest of the request
def schema(form: type[BaseModel]) -> Mapping[str, Any]:
    """Return the JSON schema of `form` in the subset that every strict server accepts.

    It has no references, bounds or descriptions; every field is required, and no others are allowed.
    """
    full = form.model_json_schema()
    return _plain(full, full.get("$defs", {}))


def _plain(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if node["type"] == "array":
        return {"type": "array", "items": _plain(node["items"], definitions)}
    if node["type"] == "object":
        fields = {name: _plain(field, definitions) for name, field in node["properties"].items()}
        return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    return {"type": node["type"]}
