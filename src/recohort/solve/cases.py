"""A question on orders, case by case: every way to share the patients out among the classes.

The counts often leave few. With these numbers fixed, a second may do where the solver had no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np

from recohort.solve.instance import Count, Instance, Settings
from recohort.solve.order_demands import OrderModel
from recohort.solve.orders import Answer, Slots

__all__ = ["MOST_CASES", "cases", "solve"]

MOST_CASES = 200
"""A question with more cases is left alone."""
STEP = 4
"""First the whole is given a moment, then every case; those still open get so many times as long, and so on,
as long as there is time for all of them."""


def _nothing(_model: OrderModel) -> None:
    """Add nothing."""


def solve(model: OrderModel, also: Callable[[OrderModel], None] = _nothing) -> tuple[OrderModel, Answer]:
    """Solve a model; if its settings say so and a moment will not do, case by case.

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
    also(model)
    if not settings.patience:
        return model, model.solve()
    most, moment = settings.patience * settings.seconds, settings.seconds / STEP
    answer = _solve(model, moment)
    if answer.status != "unknown":
        return model, answer
    split = _Split(cases(model), settings, also)
    if not split.cases:
        return model, _solve(model, settings.seconds)
    waiting, spent = list(range(len(split.cases))), answer.seconds
    while waiting:
        asked, waiting = waiting, []
        with closing(split.answers(asked, moment)) as answers:
            for done, (case, answer) in enumerate(zip(asked, answers, strict=True), start=1):
                spent += answer.seconds
                if answer.status == "feasible":
                    return split.models[case], replace(answer, seconds=spent)
                if answer.status == "unknown":
                    waiting.append(case)
                needed = len(waiting) * STEP * moment  # by the next round
                if (waiting or done < len(asked)) and spent + needed > most:
                    return model, Answer("unknown", None, spent)
        moment *= STEP
    return model, Answer("infeasible", None, spent)


def _solve(model: OrderModel, seconds: float) -> Answer:
    """Solve a model within another time."""
    model.settings = replace(model.settings, seconds=seconds)
    return model.solve()


class _Split:
    """The cases of a question; each gets its model when it is first asked."""

    def __init__(
        self, cases: Sequence[Instance], settings: Settings, also: Callable[[OrderModel], None]
    ) -> None:
        self.cases, self.settings, self.also = cases, settings, also
        self.models: dict[int, OrderModel] = {}

    def answers(self, asked: Sequence[int], seconds: float) -> Generator[Answer]:
        """Ask cases side by side; yield the answers in their order."""
        if self.settings.threads == 1:
            yield from (self._answer(case, seconds) for case in asked)
            return
        with ThreadPoolExecutor(self.settings.threads) as pool:
            answers = [pool.submit(self._answer, case, seconds) for case in asked]
            try:
                yield from (answer.result() for answer in answers)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, case: int, seconds: float) -> Answer:
        if case not in self.models:
            model = OrderModel(self.cases[case], self.settings)
            self.also(model)
            self.models[case] = model
        return _solve(self.models[case], seconds)


def cases(model: Slots) -> list[Instance]:
    """List the cases of a model's question: its instance with the number of each class fixed.

    Returns
    -------
    list of Instance
        Empty if there are more than `MOST_CASES`.
    """
    instance, types = model.instance, range(len(model.instance.problem.types))
    inside = [tuple(np.isin(types, kinds).tolist()) for kinds in model.classes]
    shares = instance.shares(model.classes, MOST_CASES + 1)
    if len(shares) > MOST_CASES:
        return []
    return [
        replace(
            instance, counts=(*instance.counts, *(Count(c, n, n) for c, n in zip(inside, share, strict=True)))
        )
        for share in shares
    ]
