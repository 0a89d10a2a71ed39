"""JSON schemas in which the docstring of a field is its description.

With pydantic's `use_attribute_docstrings`, each program reads the source of all models when it starts, a fifth of
the import time of the operator. Only the generators of schemas need the docstrings.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


@cache
def field_descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the docstrings of a model's fields, also of inherited fields, by field name."""
    bases = [base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and base is not BaseModel]
    return {name: text for base in bases for name, text in _docstrings(base) if name in model.model_fields}


class DescribedJsonSchema(GenerateJsonSchema):
    """Generates JSON schemas with descriptions of the properties: a `schema_generator` for pydantic's functions."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the JSON schema of a model, with the descriptions of its fields."""
        result = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        properties: dict[str, Any] = result.get("properties", {})
        for name, text in field_descriptions(model).items():
            alias = model.model_fields[name].alias or name
            if alias in properties:
                properties[alias].setdefault("description", text)
        return result


def _docstrings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield the names and docstrings of the fields that the class statement of a model has."""
    (statement,) = ast.parse(dedent(inspect.getsource(model))).body
    assert isinstance(statement, ast.ClassDef)  # noqa: S101 - the source of a class
    for field, text in pairwise(statement.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                yield name, inspect.cleandoc(docstring)
