"""Places on a page that a script takes over: a still exhibit, and the data that the script needs.

Without scripts the exhibit stays. The data go into the page as JSON, because a page opened from disk may
not fetch a file.
"""

from __future__ import annotations

import json

from recohort.exhibits.markup import Html, element

__all__ = ["stage"]


def stage(name: str, data: object, *still: Html) -> Html:
    """Return a place for a script of ``book/_static/play``.

    Parameters
    ----------
    name : str
        By which the script finds its place.
    data
        Anything that JSON can hold; infinite and undefined numbers it cannot.
    *still : Html
        What stands there until the script comes, and for good where it does not.

    Raises
    ------
    ValueError
        If a number is infinite or undefined.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # "</script>" would end the element, "<!--" would hide its end.
    source = Html(f'<script type="application/json">{text.replace("<", chr(92) + "u003c")}</script>')
    return element("div", *still, source, class_="exhibit play", data_play=name)
