"""Structured output: the JSON schema of an answer, and the ways of asking for it. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from digest.llm.profile import ResponseFormat


def response_format(wanted: ResponseFormat, name: str, form: type[BaseModel]) -> dict[str, Any] | None:
    """The request's `response_format`, None for none."""
    if wanted is ResponseFormat.TEXT:
        return None
    if wanted is ResponseFormat.JSON_OBJECT:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema(form)}}


@lru_cache(
    maxsize=32
)  # each call of the model needs it, and to make it takes as long as the rest of the request
def schema(form: type[BaseModel]) -> Mapping[str, Any]:
    """The JSON schema of `form` in the subset that every strict server takes.

    No references, no bounds, no descriptions; every field required, and no others allowed.
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
