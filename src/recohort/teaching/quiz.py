"""Questions that answer at once, on a page that may have no script.

Each question is a group of plain form controls. ``book/_static/quiz.js`` gives it a button and says
whether the answer is right; without the script it is a question to read. The right answer comes
from the caller, who computes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from recohort.exhibits.markup import Html, element

__all__ = ["choice", "number"]


def choice(name: str, question: str, options: Mapping[str, str], right: str) -> Html:
    """Ask for one of several answers.

    Parameters
    ----------
    name : str
        Differs between the questions of a page.
    question : str
    options : mapping of str to str
        Answer to what is said once it is chosen, in the order of the page.
    right : str
        The answer that is right: computed, not typed.

    Raises
    ------
    ValueError
        If the right answer is not among the options, or there are fewer than two.
    """
    if len(options) < 2 or right not in options:
        raise ValueError(f"question {name!r}: {right!r} is not one of the answers {', '.join(options)}")
    rows = [
        element(
            "label",
            _control("radio", name=name, data_right="yes" if answer == right else "no", data_why=why),
            element("span", answer),
        )
        for answer, why in options.items()
    ]
    return _form(name, question, rows)


def number(
    name: str,
    question: str,
    right: float,
    *,
    slack: float = 0.0,
    why: str,
    unit: str = "",
    slips: Mapping[str, float] | None = None,
) -> Html:
    """Ask for a number.

    Parameters
    ----------
    name, question : str
        As for :func:`choice`.
    right : float
        Computed, not typed.
    slack : float
        How far from it an answer may be.
    why : str
        Said once the answer is right.
    unit : str
        Written behind the field.
    slips : mapping of str to float, optional
        What to say to wrong answers that one can foresee.

    Raises
    ------
    ValueError
        If the answer is not finite, or a slip would count as right.
    """
    foreseen = dict(slips or {})
    if not math.isfinite(right) or any(abs(value - right) <= slack for value in foreseen.values()):
        raise ValueError(f"question {name!r}: the answer is not finite, or a slip would count as right")
    field = _control(
        "text", name=name, inputmode="decimal", autocomplete="off", size="8",
        data_answer=repr(float(right)), data_slack=repr(float(slack)), data_why=why,
    )  # fmt: skip
    known = [
        element("data", value=repr(float(value)), data_why=said, hidden="")
        for said, value in foreseen.items()
    ]
    return _form(name, question, [element("label", "Your answer ", field, f" {unit}"), *known])


def _control(kind: str, **attributes: str) -> Html:
    """Return an input: void elements have no end tag."""
    return Html(element("input", type=kind, **attributes).text.removesuffix("</input>"))


def _form(name: str, question: str, rows: Sequence[Html]) -> Html:
    asked = element("fieldset", element("legend", question), *rows)
    return element("form", asked, class_="exhibit quiz", id=f"quiz-{name}")
