"""A question on orders, case by case: every way to share the patients out among the classes.

The counts often leave few. With these numbers fixed, a second may do where the solver had no answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np

from recohort.solve.instance import Count, Instance
from recohort.solve.order_demands import OrderModel
from recohort.solve.orders import Answer, Slots

__all__ = ["MOST_CASES", "cases", "solve"]

MOST_CASES = 200
"""A question with more cases is left alone."""
STEP = 4
"""Every case is given a moment first; those still open then get so many times as long, and so on."""


def _nothing(_model: OrderModel) -> None:
    """Add nothing."""


def solve(model: OrderModel, also: Callable[[OrderModel], None] = _nothing) -> tuple[OrderModel, Answer]:
    """Solve a model, case by case if its settings say so and there are a few cases.

    Parameters
    ----------
    model : OrderModel
    also : callable
        Adds to a model what else it must meet.

    Returns
    -------
    OrderModel, Answer
        If a case is feasible, the model of that case.
    """
    settings = model.settings
    waiting = [OrderModel(case, settings) for case in cases(model)] if settings.patience else []
    for each in waiting or [model]:
        also(each)
    if not waiting:
        return model, model.solve()
    most, spent, moment = settings.patience * settings.seconds, 0.0, settings.seconds / STEP
    while waiting and spent < most:
        asked, waiting = waiting, []
        for case in asked:
            case.settings = replace(settings, seconds=min(moment, most))
        with closing(_answers(asked, settings.threads)) as answers:
            for done, (case, answer) in enumerate(zip(asked, answers, strict=True), start=1):
                spent += answer.seconds
                if answer.status == "feasible":
                    return case, replace(answer, seconds=spent)
                if answer.status == "unknown":
                    waiting.append(case)
                if spent >= most:
                    waiting += asked[done:]
                    break
        moment *= STEP
    return model, Answer("unknown" if waiting else "infeasible", None, spent)


def _answers(models: Sequence[OrderModel], threads: int) -> Generator[Answer]:
    """Solve models side by side; yield the answers in their order."""
    if threads == 1:
        yield from (model.solve() for model in models)
        return
    with ThreadPoolExecutor(threads) as pool:
        answers = [pool.submit(model.solve) for model in models]
        try:
            yield from (answer.result() for answer in answers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def cases(model: Slots) -> list[Instance]:
    """List the cases of a model's question: its instance with the number of each class fixed.

    Returns
    -------
    list of Instance
        Empty if there are more than `MOST_CASES`.
    """
    instance, types = model.instance, range(len(model.instance.problem.types))
    inside = [tuple(np.isin(types, kinds).tolist()) for kinds in model.classes]
    shares = list(itertools.islice(instance.shares(model.classes), MOST_CASES + 1))
    if len(shares) > MOST_CASES:
        return []
    return [
        replace(
            instance, counts=(*instance.counts, *(Count(c, n, n) for c, n in zip(inside, share, strict=True)))
        )
        for share in shares
    ]
