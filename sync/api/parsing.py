"""What is read of a request: JSON in UTF-8, of a size. Whatever else comes is named, never a crash."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser

from sync.api.refusals import TooLarge

LARGEST = 1_000_000
"""Bytes of a body."""


class JsonBody(JSONParser):
    """Reads JSON; an empty body is an empty object."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Return the body's value.

        Raises:
            ParseError: it is no JSON, or nested too deeply.
            TooLarge: it has more than a million bytes.
        """
        raw = stream.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise TooLarge
        if not raw.strip():
            return {}
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)
            if b"\\ud" in raw or b"\\uD" in raw:
                json.dumps(value, ensure_ascii=False).encode()  # half a character has no place in any answer, nor row
            return value
        except UnicodeEncodeError:
            raise ParseError("The body holds half a character.") from None
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except (ValueError, RecursionError) as error:
            words = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ParseError(f"The body is not JSON: {words}"[:200]) from None


class AlwaysJson(BaseContentNegotiation):
    """Answers in JSON, whatever is asked for: there is nothing else."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return the parser of the request's content type, None where there is none."""
        sent = str(request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type


def _finite(word: str) -> float:
    number = float(word)
    return number if math.isfinite(number) else _no_number(word[:20])


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")
