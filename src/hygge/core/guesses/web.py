"""Secrets in addresses, HTTP headers and certificates."""

from __future__ import annotations

import re

from hygge.core.guesses.shapes import Shape
from hygge.core.guesses.words import CLOSED, LONG, NEEDED, SENTENCE

_SCHEME = r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{0,40}://"
_URL = rf"\s*{_SCHEME}"
_WHOLE_URL = rf"\s*{_SCHEME}[^/:@]*:(?P<pw>[\s\S]+)@"
_DATABASES = ("postgres", "mysql", "mariadb", "mssql", "oracle", "odbc", "sftp", "mongodb", "redis")
# What `name: value` of a header may end with, in a line by itself or as a member of a mapping.
_COLON = r"['\"]?\s{0,9}[:=,]\s{0,9}"

SHAPES = (
    # Any character but blanks may be in it, even `@` and `/` that should be quoted, so that it ends
    # at the last `@`. A mere reference is none. Where there is no `@` the whole is taken in, lest
    # every `://` in it were looked at.
    Shape(
        "the password of an address",
        "cannot connect to postgresql://shop:hunter2@db/shop",
        (("://",),),
        rf"{_SCHEME}[^/\s:@]*:(?!\$\{{\w{{1,100}}\}}@[^@\s]*(?:\s|$))(?:(?P<pw>\S+)(?=@)|\S++)",
    ),
    Shape(
        "the password of an address that lacks a slash",
        "there is no connection 'postgresql:shop:hunter2@db/shop'",
        (("@",), _DATABASES),
        rf"(?<![\w+.-])(?:{'|'.join(_DATABASES)})[\w+.-]{{0,40}}:/?[^\s/:@]{{0,200}}:"
        r"(?:(?P<pw>\S+)(?=@)|\S++)",
    ),
    Shape(
        "a token in place of an address's user",
        "https://hunter2hunter2hunter2@git.example/shop.git",
        (("://",),),
        r"https?://(?P<pw>(?=[^\s/@]{0,200}\d)[\w-]{20,200}+)(?=@)",
    ),
    Shape(
        "a key in an address's query",
        "GET https://api.example/orders?code=hunter2hunter2hunter2&page=2",
        (("key=", "code=", "auth=", "jwt=", "sid="),),
        r"[?&](?:key|code|auth|jwt|sid)=(?P<pw>[^&#\s'\"<>]{16,})",
    ),
    Shape(
        "a private key in PEM (RFC 7468)",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
        (("private key-----",),),
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?P<pw>[^-]*+(?:-(?!----)[^-]*+)*+)",
    ),
    Shape(
        "an Authorization header (RFC 9110, 11.6.2)",
        "> Authorization: Bearer hunter2",
        (("authorization",),),
        rf"authorization{_COLON}(?!{SENTENCE})(?P<pw>(?:[bruenx](?=['\"]))?{CLOSED}"
        r"|['\"]?(?:digest\s[^\r\n]+|[a-z0-9-]{1,40}[ \t]{1,9}[^\s'\",;]+|[^\s'\",;]+))",
    ),
    Shape(
        "cookies (RFC 6265)",
        "set-cookie: session=hunter2; Path=/",
        (("cookie",),),
        r"(?<![\w-])(?:set-)?cookie2?['\"]?\s{0,9}[:=]\s{0,9}(?P<pw>"
        rf"{CLOSED}|['\"]?[\w.-]{{1,100}}=[^\r\n]+)",
    ),
    Shape(
        "a header with a key",
        "< X-Functions-Key: hunter2",
        (("-key", "-token", "-secret", "-auth"),),
        r"(?<![\w-])(?:x-[\w-]{0,60}|(?:api|subscription|ocp-apim-subscription)-)"
        rf"(?:key|token|secret|auth)['\"]?:\s{{0,9}}(?!{SENTENCE})(?P<pw>{CLOSED}|[^\s'\",;\[{{][^\s'\",;]*)",
    ),
    Shape(
        "a bearer token by itself (RFC 6750)",
        "'Bearer hunter2.hunter2.hunter2' was refused",
        (("bearer",),),
        r"(?<![\w-])bearer[ \t]{1,9}(?P<pw>(?=[^\s'\"]{0,300}\d)[\w.~+/-]{12,}+={0,2})",
    ),
    # Of JSON Web Tokens (RFC 7519) two parts begin with {" in base64; the others are by GitHub,
    # GitLab, Slack, Databricks, Hugging Face and Google, which begin them so that they be found.
    Shape(
        "a token known by its beginning",
        "refused: github_pat_hunter2hunter2hunter2",
        (("eyj", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "dapi",
          "hf_", "aiza"),),
        r"(?<![\w-])(?P<pw>eyJ[\w-]{8,}+\.eyJ[\w-]{8,}+(?:\.[\w-]*+)?|gh[opusr]_\w{20,}+"
        r"|github_pat_\w{20,}+|glpat-[\w-]{16,}+|xox[abeprs]-[\w-]{10,}+|dapi[0-9a-f]{32}(?!\w)"
        r"|hf_[a-z]{30,}+|AIza[\w-]{35}(?![\w-]))",
    ),
    Shape(
        "an element of XML",
        "<db><password>hunter2</password></db>",
        (("</",), NEEDED),
        rf"<(?P<name>(?:[\w.-]{{0,60}}:)?(?=[\w.-]{{0,60}}{LONG})[\w.-]{{1,100}})>"
        r"(?P<pw>[^<]{1,4096}+)(?=</)",
    ),
)  # fmt: skip


def is_url(text: str) -> bool:
    """Whether a text begins as a URL does."""
    return re.match(_URL, text) is not None


def password_of(url: str) -> tuple[int, int] | None:
    """Where in a text that is a URL its password stands; None where there is none."""
    found = re.match(_WHOLE_URL, url)
    return found.span("pw") if found else None
