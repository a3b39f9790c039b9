"""Settings models: the one source for validation, docs, JSON Schema and generated examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from hygge.core.errors import ConfigError, Problem
from hygge.core.fields import LogicalType, parse_type
from hygge.core.guesses import variable_is_secret
from hygge.core.secrets import MASK, redact, remember_named

DEFAULT_BATCH_ROWS = 32_768


class Settings(BaseModel):
    """Base of every settings model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, validate_default=False
    )

    @model_validator(mode="after")
    def _know_its_secrets(self) -> Self:
        """Of a connector that is not hygge's, know what is named like a secret, or holds one.
        hygge's own say by their types which of theirs are secret."""
        if not type(self).__module__.startswith("hygge."):
            for name in type(self).model_fields:
                value = getattr(self, name)
                held = value if isinstance(value, Mapping) else {name: value}
                for key, text in held.items():
                    if isinstance(text, str):
                        remember_named(str(key), text)
        return self


def _type_text(value: Any) -> Any:
    if isinstance(value, LogicalType):
        return str(value)
    if isinstance(value, str):
        parse_type(value)
    return value


TypeText = Annotated[str, BeforeValidator(_type_text)]
"""A logical type as text, e.g. `decimal(10,2)`; checked when the settings are."""


class HomeConfig(Settings):
    """Settings every Home has."""

    type: str = Field(default="", description="The Home's type, e.g. `parquet` or `sqlite`")
    batch_size: int = Field(
        default=DEFAULT_BATCH_ROWS,
        ge=1,
        le=10_000_000,
        description="Rows asked of the source at a time; written files do not depend on it",
    )
    types: Mapping[str, TypeText] = Field(
        default_factory=dict,
        description="Declared types by column, where the source has none or a wrong one",
        examples=[{"price": "decimal(10,2)", "created_at": "timestamp(us, UTC)"}],
    )

    def declared(self) -> dict[str, LogicalType]:
        """`types`, parsed."""
        return {name: parse_type(text) for name, text in self.types.items()}


class StoreConfig(Settings):
    """Settings every Store has."""

    type: str = Field(default="", description="The Store's type, e.g. `parquet` or `sqlite`")


def build(
    model: type[Settings],
    owner: str,
    options: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> Any:
    """Make a settings model from `options={...}` and keyword settings.

    Raises ConfigError where the same setting is given twice, or naming every bad setting at once.
    """
    given = dict(options or {})
    twice = sorted(set(given) & set(settings))
    if twice:
        raise ConfigError(
            f"{owner}: '{twice[0]}' is given both in options and as a keyword",
            hint="give each setting once",
        )
    try:
        return model.model_validate({**given, **settings})
    except ValidationError as error:
        raise ConfigError(
            problems=[problem_of(d, model, prefix=f"{owner}: ") for d in error.errors()]
        ) from None


def problem_of(detail: Any, model: type[BaseModel], *, prefix: str = "") -> Problem:
    """One of pydantic's error details as a Problem, with the near miss for an unknown key."""
    path = ".".join(str(p) for p in detail["loc"])
    kind, hint, given = detail["type"], None, detail["input"]
    if isinstance(given, str | int | float) and variable_is_secret(path, str(given)):
        given = MASK
    if kind == "extra_forbidden":
        from difflib import get_close_matches

        known = sorted(_known_keys(model, detail["loc"][:-1]))
        near = get_close_matches(str(detail["loc"][-1]), known, n=1)
        message = f"unknown setting '{path}'"
        hint = f"did you mean '{near[0]}'?" if near else f"known settings: {', '.join(known)}"
    elif kind == "missing" and detail["msg"] == "Field required":
        message = f"'{path}' is missing"
    elif kind in _NEEDS:
        message, hint = _wrong_kind(path, kind, given)
    elif kind == "literal_error":
        wanted = detail["ctx"]["expected"].replace("' or '", "', '")
        message = f"'{path}' is {_shown(given)}, and must be one of {wanted}"
        hint = _near_choice(given, wanted)
    elif kind in _LIMITS:
        word, limit = _LIMITS[kind]
        limit_value = detail["ctx"][limit]
        message = f"'{path}' must be {word} {limit_value}, not {_shown(given)}"
    elif kind == "string_too_short":
        message = f"'{path}' must not be empty"
    else:
        text = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        message = f"'{path}': {text[:1].lower() + text[1:]}" if path else text
    return Problem(redact(prefix + message), hint=hint and redact(hint))


# Pydantic's names of errors: https://docs.pydantic.dev/latest/errors/validation_errors/
_NEEDS = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "a text",
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type"), "a mapping of settings"),
}

_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def _wrong_kind(path: str, kind: str, given: Any) -> tuple[str, str | None]:
    hint = None
    if kind == "string_type" and isinstance(given, bool | int | float):
        hint = f'quote it: "{str(given).lower() if isinstance(given, bool) else given}"'
    elif kind == "string_type" and isinstance(given, Mapping) and len(given) == 1:
        (name, value), *_ = given.items()
        hint = f'quote a text that begins with a brace: "{{{name}}}"' if value is None else None
    elif kind in ("tuple_type", "list_type") and isinstance(given, str):
        hint = f"write a list: [{given}]"
    return f"'{path}' must be {_NEEDS[kind]}, not {_shown(given)}", hint


def _shown(given: Any) -> str:
    if given is None:
        return "empty"
    if isinstance(given, Mapping):
        return "a mapping"
    if isinstance(given, list | tuple):
        return "a list"
    shown = str(given).lower() if isinstance(given, bool) else repr(given)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _near_choice(given: Any, wanted: str) -> str | None:
    from difflib import get_close_matches

    choices = [choice.strip("'") for choice in wanted.split(", ")]
    near = get_close_matches(str(given).lower(), choices, n=1)
    return f"did you mean '{near[0]}'?" if near else None


def model_at(model: type[BaseModel], path: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model at a path inside another; None where the path leaves the models."""
    current: Any = model
    for step in path:
        field = current.model_fields.get(step) if _is_model(current) else None
        current = _inner_model(field.annotation) if field else current
    return current if _is_model(current) else None


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> set[str]:
    """The keys that a model takes at a path inside it; empty where the path leaves the models."""
    found = model_at(model, path)
    return {f.alias or name for name, f in found.model_fields.items()} if found else set()


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _inner_model(annotation: Any) -> Any:
    from typing import get_args

    if _is_model(annotation):
        return annotation
    for inner in get_args(annotation):
        found = _inner_model(inner)
        if found is not None:
            return found
    return None
