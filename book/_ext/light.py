"""Sphinx extension: a page loads less, and waits for less of it.

The theme brings every icon of Font Awesome and every class of Bootstrap, in many files for which a page
waits. When all pages are written,

- icons and style rules that no page and no script of the book names are cut out, and so are the characters of
  the icon font, which moves into the style sheet;
- all style sheets become one, the same for every page;
- scripts wait for the text, except on the search page, whose scripts need one another;
- in code, names and punctuation stand without marks of their own where these look like all the rest: they
  are more than half of what a browser has to lay out in a chapter with much code.
"""

from __future__ import annotations

import base64
import hashlib
import io
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fontTools.subset import Subsetter
from fontTools.ttLib import TTFont

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

ICON = re.compile(
    r'"?(?P<name>[\w-]+)"?:\[\d+,\d+,\[(?P<aliases>[^\]]*)\],"[0-9a-f]*",(?:"[^"]*"|\[(?:"[^"]*",?)*\])\],?'
)
ICONS = Path("_static", "scripts", "fontawesome.js")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
RULE = re.compile(r"(?P<selectors>[^{};]+)\{[^{}]*\}")
EMPTY = re.compile(r"@(?:media|supports|container|layer)[^{};]*\{\s*\}")
COMMA = re.compile(r",(?![^()]*\))")  # outside brackets
BRACKETS = re.compile(r"\([^()]*\)|\[[^\]]*\]|\\.")
NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
IMPORT = re.compile(r"""@import\s+(?:url\()?["']?(?P<path>[^"'();]+)["']?\)?\s*;""")
ADDRESS = re.compile(r"""url\(\s*["']?(?!data:|https?:|[/#])(?P<path>[^"')]+)["']?\s*\)""")
ICON_FONT = re.compile(r'src:url\("(?P<path>[^"]*fontawesome[^"]*)\.woff2"\)[^;}]*')
SHEET = re.compile(r'<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="(?P<path>[^"?:]+)(?:\?[^"]*)?"[^>]*>')
OPTIONS = re.compile(r'<script\b[^>]*\bsrc="[^"]*documentation_options\.js[^"]*"[^>]*></script>')
PRELOAD = re.compile(r'<link\b(?=[^>]*\brel="preload")[^>]*\bas="script"[^>]*>\n?')
SCRIPT = re.compile(r"<script (?![^>]*\b(?:defer|async|type)\b)([^>]*\bsrc=)")
TOKEN_COLOUR = re.compile(r"(?P<theme>[^{}]*)\.highlight(?: \.(?P<token>\w+))? \{(?P<style>[^{}]*)\}")
COLOUR = re.compile(r"\bcolor: *(#\w+)")
TOKEN = re.compile(r'<span class="(?P<token>[a-z][a-z0-9]{0,2})">(?P<text>[^<]*)</span>')
BLOCK = re.compile(r"(?<=<pre>).*?(?=</pre>)", re.DOTALL)
GIVEN = re.compile(r'\b(?:class|id)="([^"]*)"|<script\b[^>]*>(.*?)</script>', re.DOTALL)


def cut_icons(output: Path) -> None:
    """Drop the icons that no page and no script of the theme names from the theme's icon script."""
    script = output / ICONS
    if not script.is_file():
        return
    sources = [*output.rglob("*.html"), *(p for p in output.rglob("*.js") if p != script)]
    used = set(re.findall(r"fa-([a-z0-9-]+)", " ".join(p.read_text("utf-8") for p in sources)))

    def keep(icon: re.Match[str]) -> str:
        names = {icon["name"], *re.findall(r'"([\w-]+)"', icon["aliases"])}
        return icon.group() if names & used else ""

    script.write_text(ICON.sub(keep, script.read_text("utf-8")), "utf-8")
    for source_map in (output / "_static").rglob("*.map"):
        source_map.unlink()


def words(output: Path) -> set[str]:
    """Return every class and identifier of the pages, and every word of a script, which may set one."""
    pages = (page.read_text("utf-8") for page in output.rglob("*.html"))
    texts = [text for page in pages for found in GIVEN.findall(page) for text in found]
    texts += [script.read_text("utf-8") for script in output.rglob("*.js")]
    return set(re.findall(r"[\w-]+", " ".join(texts)))


def cut_style(style: str, used: set[str]) -> str:
    """Return a style sheet without the selectors that ask for a class or an identifier that is not used."""

    def wanted(selector: str) -> bool:
        plain = BRACKETS.sub("", BRACKETS.sub("", selector))
        return all(name in used for name in NAME.findall(plain))

    def keep(rule: re.Match[str]) -> str:
        selectors = rule["selectors"]
        if selectors.lstrip().startswith("@"):
            return rule.group()
        kept = ",".join(selector for selector in COMMA.split(selectors) if wanted(selector))
        return kept + rule.group()[len(selectors) :] if kept else ""

    licences = [comment for comment in COMMENT.findall(style) if comment.startswith("/*!")]
    style = RULE.sub(keep, COMMENT.sub("", style))
    while EMPTY.search(style):
        style = EMPTY.sub("", style)
    return "\n".join([*dict.fromkeys(licences), style])


# --- one style sheet ---------------------------------------------------------------------------


def whole(sheet: str, static: Path) -> str:
    """Return a style sheet with those that it imports, its addresses as seen from the folder of static files.

    Parameters
    ----------
    sheet : str
        Its path below that folder.
    static : Path
    """
    folder = posixpath.dirname(sheet)

    def imported(found: re.Match[str]) -> str:
        return whole(posixpath.normpath(posixpath.join(folder, found["path"])), static)

    def moved(found: re.Match[str]) -> str:
        return f'url("{posixpath.normpath(posixpath.join(folder, found["path"]))}")'

    style = (static / sheet).read_text("utf-8").replace('@charset "UTF-8";', "")
    return IMPORT.sub(imported, ADDRESS.sub(moved, style) if folder else style)


def embed_icon_font(style: str, static: Path) -> str:
    """Return the style sheet with the icon fonts inside, cut down to the characters that it names."""
    letters = {int(code, 16) for code in re.findall(r"\\([ef][0-9a-f]{3})\b", style)}
    letters |= {ord(letter) for letter in style if "\ue000" <= letter <= "\uf8ff"}

    def embedded(found: re.Match[str]) -> str:
        font = TTFont(static / f"{found['path']}.ttf")
        cutter = Subsetter()
        cutter.populate(unicodes=letters)
        cutter.subset(font)
        font.flavor = "woff"
        out = io.BytesIO()
        font.save(out)
        return f"src:url(data:font/woff;base64,{base64.b64encode(out.getvalue()).decode()})"

    return ICON_FONT.sub(embedded, style)


def sheets_of(page: str, text: str) -> list[str]:
    """Return the style sheets of the book that a page links to, as paths below its folder of static files."""
    folder = posixpath.dirname(page)
    paths = (posixpath.normpath(posixpath.join(folder, link["path"])) for link in SHEET.finditer(text))
    return [path.removeprefix("_static/") for path in paths if path.startswith("_static/")]


def in_one_sheet(pages: dict[str, str], static: Path) -> dict[str, str]:
    """Write all style sheets of some pages into one, and return the pages with a link to that instead.

    Parameters
    ----------
    pages : dict of str to str
        Text of each page by its path.
    static : Path
        The folder of static files.
    """
    used = {sheet: None for page, text in pages.items() for sheet in sheets_of(page, text)}
    style = "\n".join(whole(sheet, static) for sheet in used)
    style = embed_icon_font(cut_style(style, words(static.parent)), static)
    name = f"all.{hashlib.sha256(style.encode()).hexdigest()[:8]}.css"
    (static / name).write_text(f'@charset "UTF-8";\n{style}', "utf-8")
    return {page: linked(page, text, name) for page, text in pages.items()}


def linked(page: str, text: str, name: str) -> str:
    """Return a page whose links to the book's style sheets have become one, where the first stood."""
    address = posixpath.relpath(f"_static/{name}", posixpath.dirname(page) or ".")
    links = iter([f'<link rel="stylesheet" href="{address}" />'])
    folder = posixpath.dirname(page)

    def one(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link["path"]))
        return next(links, "") if path.startswith("_static/") else link.group()

    return SHEET.sub(one, text)


# --- scripts -------------------------------------------------------------------------------------


def unhurried(text: str, options: str) -> str:
    """Return a page whose scripts wait for its text.

    Parameters
    ----------
    text : str
    options : str
        The script of options, which small scripts inside the page change: it goes inside, too.
    """
    inside = OPTIONS.sub(lambda _: f"<script>{options}</script>", text)
    return SCRIPT.sub(r"<script defer \1", PRELOAD.sub("", inside))


# --- code ------------------------------------------------------------------------------------------


def plain_tokens(style: str) -> set[str]:
    """Return the kinds of tokens that Pygments' style sheet gives, in every theme, the colour of all code."""
    plain: dict[str, str] = {}
    tokens: dict[str, dict[str, str]] = {}
    for rule in TOKEN_COLOUR.finditer(COMMENT.sub("", style)):
        theme = rule["theme"].strip()
        if rule["token"]:
            tokens.setdefault(rule["token"], {})[theme] = COLOUR.sub(r"\1", rule["style"].strip())
        elif found := COLOUR.search(rule["style"]):
            plain[theme] = found[1]
    return {token for token, looks in tokens.items() if looks == plain}


def unmarked(text: str, plain: set[str]) -> str:
    """Return a page whose code has no marks around plain tokens."""

    def bare(token: re.Match[str]) -> str:
        return token["text"] if token["token"] in plain else token.group()

    return BLOCK.sub(lambda code: TOKEN.sub(bare, code.group()), text)


def lighten(output: Path) -> None:
    """Cut what no page uses, and let the pages wait for less."""
    cut_icons(output)
    static = output / "_static"
    options = static / "documentation_options.js"
    plain = plain_tokens((static / "pygments.css").read_text("utf-8"))
    files = {path.relative_to(output).as_posix(): path for path in sorted(output.rglob("*.html"))}
    texts = {name: path.read_text("utf-8") for name, path in files.items() if static not in path.parents}
    pages = in_one_sheet({name: text for name, text in texts.items() if sheets_of(name, text)}, static)
    for name, marked in pages.items():
        text = unmarked(marked, plain)
        waits = name != "search.html"
        files[name].write_text(unhurried(text, options.read_text("utf-8")) if waits else text, "utf-8")


def finish(app: Sphinx, error: Exception | None) -> None:
    """Lighten the book once all of it is written."""
    if error is None and app.builder.format == "html":
        lighten(Path(app.outdir))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect the step above to the build."""
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
