"""Where the secrets are in a text: behind which names, in which notation. A text is looked at once, whatever it is."""

from __future__ import annotations

import re
from collections.abc import Callable

HIDDEN = "***"

LONGEST_NAME = 128  # characters at its end that are looked at
LONGEST_VALUE = 64_000  # characters within brackets
MOST_UNCLOSED = 4  # brackets without an end in one text, which were looked for over many lines

IsSecret = Callable[[str], bool]

_TEXT = r"""(?: [a-z]{0,2}'''(?:[^'\\]|\\.|'(?!''))*+(?:''')?  |  [a-z]{0,2}\"""(?:[^"\\]|\\.|"(?!""))*+(?:\""")?
    |  [a-z]{0,2}'(?:[^'\\\n]|\\.)*+'?  |  [a-z]{0,2}"(?:[^"\\\n]|\\.)*+"? )"""
_WORD = r"""[^\s,;&'"}\])]++"""
_NAMED = r"""[\w.$-]++[ \t]*+=[ \t]*+(?:"[^"\n]*+"?|[^\s,;'"]*+)"""
_SCHEME = r"(?:(?:bearer|basic|token|api-?key|digest|negotiate|jwt)[ \t]++)?"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE)


def _header(scheme: str) -> re.Pattern[str]:
    return _compiled(rf"{scheme} (?:{_TEXT}|{_NAMED}|{_WORD}) (?:[ \t]*+[,;][ \t]*+{_NAMED})*+")


# A name begins where nothing of a name stands before it, so that a long line of anything is looked at once.
_NAME = _compiled(r"""(?<![\w-])([\w-]++) (\\*+['"])?+ \s*+ ([:=]=?+>?+) \s*+""")
_VALUE = _compiled(rf"{_SCHEME} (?:{_TEXT}|{_WORD})")
_HEADERS = re.compile(r"authorization|cookie", re.IGNORECASE)  # several words may be their value
_HEADER_LINE, _HEADER_EQUALS = _header(r"(?:[a-z][\w-]*+[ \t]++)?"), _header(_SCHEME)
_ESCAPED = re.compile(r"""(\\{1,16}+)(['"])""")  # {\"password\": \"x\"}
_CALL = re.compile(r"[\w.]*+[(\[{]")  # ["x"], SecretStr("x")
_PIECE = _compiled(rf"{_TEXT} | [(\[{{] | [)\]}}]")
_EMPTY = re.compile(r"[(\[{]\s*+[)\]}]")
_PAIR = _compiled(rf"""([(\[]\s*+[a-z]{{0,2}}(['"])([\w-]++)\2\s*+,\s*+) {_TEXT} (?=\s*+(?:[)\]]|$))""")
_FLAG = _compiled(
    rf"""((?<![\w-])--([\w-]++)(?:[ \t]++|['"][ \t]*+,[ \t]*+(?=['"])))
    (?!-|(?:is|are|was|were|to|or|and|option|flag|argument|parameter|for|must|not|can|if|in|on|with|without|has
    |have|should|when|as|needs|may|will|by|of|from|instead|here|again|takes|says|given|missing)(?=[\s,.;:]|$))
    (?:{_TEXT}|[^\s'"]++)"""
)
_URL_END = re.compile(r"""[^\s'"]*+""")
_PORT = re.compile(r"[^/?#@:]++:\d{1,5}+(?=[/?#])")


def redacted(text: str, is_secret: IsSecret) -> str:
    """Text in which values behind secret names are `***`, and what stands before the `@` of URLs."""
    text = without_logins(text)
    if "," in text:
        text = _PAIR.sub(lambda found: f"{found[1]}{HIDDEN}" if is_secret(found[3][-LONGEST_NAME:]) else found[0], text)
    if "--" in text:
        text = _FLAG.sub(lambda found: f"{found[1]}{HIDDEN}" if is_secret(found[2][-LONGEST_NAME:]) else found[0], text)
    return _Values(text, is_secret).hidden()


def without_logins(text: str) -> str:
    """Text in which the password of each URL is `***`, or, where there is none, the user: Redis takes that for one.

    What is a path with an `@` in it is left, unlike with `redact_url`, which reads what is known to be a connection.
    """
    if "://" not in text or "@" not in text:
        return text
    parts, done = [], 0
    begin = text.find("://") + 3
    while begin > 2:
        following = text.find("://", begin)
        end = _url_end(text, begin, len(text) if following < 0 else following)
        parts += [text[done:begin], _without_login(text, begin, _login_end(text, begin, end), end)]
        done, begin = end, following + 3
    return "".join([*parts, text[done:]])


def without_connections(text: str) -> str:
    """The same up to the last `@`, since people forget to escape the `@` and `/` of a password."""
    parts, done = [], 0
    begin = text.find("://") + 3
    while begin > 2:
        end = _url_end(text, begin, len(text))
        parts += [text[done:begin], _without_login(text, begin, text.rfind("@", begin, end), end)]
        done, begin = end, text.find("://", end) + 3
    return "".join([*parts, text[done:]])


def _url_end(text: str, begin: int, limit: int) -> int:
    found = _URL_END.match(text, begin, limit)
    return begin if found is None else found.end()


def _without_login(text: str, begin: int, at: int, end: int) -> str:
    """`at`: where the `@` is that ends the login, or -1."""
    if at < 0:
        return text[begin:end]
    user, colon, _ = text[begin:at].partition(":")
    return f"{user}:{HIDDEN}{text[at:end]}" if colon else f"{HIDDEN}{text[at:end]}"


def _login_end(text: str, begin: int, end: int) -> int:
    if _PORT.match(text, begin, end):
        return -1
    stop = min((found for mark in "/?#" if (found := text.find(mark, begin, end)) >= 0), default=end)
    at = text.rfind("@", begin, stop)
    colon = text.find(":", begin, stop)
    return at if at >= 0 or colon < 0 else text.rfind("@", begin, end)


class _Values:
    """What follows names in one text."""

    def __init__(self, text: str, is_secret: IsSecret) -> None:
        self._text = text
        self._is_secret = is_secret
        self._unclosed = 0

    def hidden(self) -> str:
        text, parts, done, position = self._text, [], 0, 0
        while (found := _NAME.search(text, position)) is not None:
            position = found.end()
            if self._is_secret(found[1][-LONGEST_NAME:]):
                end = self._end(found)
                if end > position:
                    parts += [text[done:position], HIDDEN]
                    done = position = end
        return "".join([*parts, text[done:]]) if parts else text

    def _end(self, found: re.Match[str]) -> int:
        """Where the value ends that follows a name; where it begins if there is none."""
        text, begin = self._text, found.end()
        escaped = _ESCAPED.match(text, begin)
        if escaped is not None:
            return self._escaped_end(escaped)
        if _EMPTY.match(text, begin):
            return begin
        opened = _CALL.match(text, begin)
        if opened is not None:
            return self._closed(opened.end() - 1, in_object=found[2] is not None)
        pattern = _VALUE
        if _HEADERS.search(found[1][-LONGEST_NAME:]):
            pattern = _HEADER_EQUALS if found[3] == "=" else _HEADER_LINE
        value = pattern.match(text, begin)
        return begin if value is None else value.end()

    def _escaped_end(self, escaped: re.Match[str]) -> int:
        close, line = escaped[0], self._line_end(escaped.end())
        end = self._text.find(close, escaped.end(), line)
        while end >= 0 and self._text[end - 1] == "\\" and end > escaped.end():
            end = self._text.find(close, end + len(close), line)
        return line if end < 0 else end + len(close)

    def _closed(self, begin: int, *, in_object: bool) -> int:
        """Behind the bracket that belongs to this one. Without one it may be prose, and it is the rest of the line, or,
        in an object that was cut, all the rest."""
        if self._unclosed < MOST_UNCLOSED:
            depth = 0
            for piece in _PIECE.finditer(self._text, begin, begin + LONGEST_VALUE):
                depth += (piece[0] in "([{") - (piece[0] in ")]}")
                if depth == 0:
                    return piece.end()
            self._unclosed += 1
        return len(self._text) if in_object else self._line_end(begin)

    def _line_end(self, begin: int) -> int:
        end = self._text.find("\n", begin)
        return len(self._text) if end < 0 else end
