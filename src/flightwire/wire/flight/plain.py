"""The short way for what is plain JSON.

Owns: the JSON of a value that needs nothing of Flight but references, and its escapes. Refuses to know: how it is found out
that a value is plain, and what goes into which row; when in doubt it declines, and the value takes the usual way.
"""

from __future__ import annotations

import re
from itertools import islice
from json import dumps
from typing import Any, Final, NamedTuple

from msgspec import Raw

from flightwire.wire.flight.rows import dump
from flightwire.wire.flight.sharing import REFERENCE, Name, Rows, UnclearError, json_of, shared_rows
from flightwire.wire.flight.survey import Survey
from flightwire.wire.flight.values import MAX_DEPTH

MIN_ENTRIES: Final = 64
"""Trying costs one pass, so a value whose levels all decline is passed over at most log64(n) times."""

MIN_VALUES: Final = 512
"""What has fewer entries is tried only where it is the row or stands in it, and pays when it is a tree of this many."""

# The look back stands behind what is looked for: that is found by its first bytes then, many times faster.
_TEXT_WITH_DOLLAR: Final = re.compile(rb'"\$(?<!\\"\$)(?=[^"\\]*+(?:\\.[^"\\]*+)*+"(?!:))')
_DOLLAR: Final = re.compile(rb'"\$(?<!\\"\$)')  # a quote after a backslash begins no text
_FEW_KEYS: Final = 16
_NOT_FINITE: Final = tuple(
    (re.compile(rb"%b(?<=[\[,:]%b)(?=[,\]}])" % (name, name)), b'"$%b"' % name)
    for name in (b"NaN", b"-Infinity", b"Infinity")
)


class Plain(NamedTuple):
    """JSON of a value, and the rows that must come before it."""

    json: Raw
    rows: Rows
    jsons: list[bytes]
    """Of each row."""


def plain_json(
    root: dict[Any, Any] | list[Any],
    max_depth: int = MAX_DEPTH,
    min_values: int = 0,
    name: Name | None = None,
) -> Plain | None:
    """JSON of a value that has only texts, safe numbers and containers; else None.

    Args:
        root: a container.
        max_depth: how many levels it may have.
        min_values: how many values it must have to pay.
        name: names what stands in several places; without it there may be no such thing.
    """
    survey = Survey(root)
    if not survey.is_plain(max_depth, may_share=name is not None) or not survey.pays(min_values):
        return None
    try:
        if survey.shared and name is not None:
            rows, json = shared_rows(root, survey, name)
        else:
            rows, json = Rows(), json_of(root, is_finite=survey.not_finite == 0)
    except (RecursionError, UnclearError):
        return None
    finished = _finished(b"".join([*rows.lines, json]), survey)
    if finished is None:
        return None
    *jsons, finished = finished.split(b"\n")  # no JSON has a newline
    return Plain(Raw(finished), rows, jsons)


def _finished(json: bytes, survey: Survey) -> bytes | None:
    """JSON with all that React gives a meaning to; None when something has a meaning that it must not have."""
    if b'"__proto__":' in json or (_has_constructor(json) and b'"prototype":' in json):
        return None  # JavaScript gives them a meaning
    if b'"$' in json:
        json = _escaped(json, survey)
    if survey.not_finite:
        json, found = _with_names(json)
        if found != survey.not_finite:  # a text looks like one of them
            return None
    return json.replace(REFERENCE, b'"$') if survey.shared else json


def _has_constructor(json: bytes) -> bool:
    return b'"constructor":{' in json or b'"constructor":\xff' in json


def _with_names(json: bytes) -> tuple[bytes, int]:
    """JSON with React's names for the numbers that JSON has none for, and how many there are."""
    count = 0
    for pattern, name in _NOT_FINITE:
        json, found = pattern.subn(name, json)
        count += found
    return json, count


def _escaped(json: bytes, survey: Survey) -> bytes:
    """Texts that begin with `$` get one more; keys do not."""
    keys = survey.keys()
    marked = list(islice((key for key in keys if key[:1] == "$"), _FEW_KEYS + 1))
    has_quoted = b'\\"$' in json
    if marked and (has_quoted or len(marked) > _FEW_KEYS):
        if json.count(b',"$') + json.count(b'{"$') == survey.count_keys(
            "$"
        ):  # so no other item of a list begins so
            return json.replace(b':"$', b':"$$').replace(b'["$', b'["$$')
        return _TEXT_WITH_DOLLAR.sub(b'"$$', json)
    json = _DOLLAR.sub(b'"$$', json) if has_quoted else json.replace(b'"$', b'"$$')
    for key in sorted(set(marked), key=len):  # what "$a" becomes must not be taken for "$$a"
        for name in {dump(key), dumps(key).encode()}:  # as either encoder writes it
            json = json.replace(b'"$%b:' % name[1:], b"%b:" % name)
    return json
