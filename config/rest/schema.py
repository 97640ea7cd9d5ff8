"""What OpenAPI says of every endpoint's answers."""

from typing import Any

from rest_framework import serializers, status


class ProblemSerializer(serializers.Serializer[Any]):
    """What went wrong."""

    code = serializers.CharField(help_text="A word for programs")
    detail = serializers.CharField(help_text="A sentence for people")


FIELD_ERRORS = {
    "type": "object",
    "description": "Sentences for each field that is wrong; `non_field_errors` for what belongs to no field.",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
}


def answers(
    body: Any, *, success: int = status.HTTP_200_OK, bad_input: bool = False, conflict: bool = False
) -> dict[int, Any]:
    """Every answer of an endpoint: `body`, and the errors that it shares with the others."""
    found: dict[int, Any] = {success: body}
    if bad_input:
        found[400] = FIELD_ERRORS
    found |= dict.fromkeys((401, 403, 404), ProblemSerializer)
    if conflict:
        found[409] = ProblemSerializer
    return found
