"""One thread for many small products: threads that wait for one another cost more than they save.

The matrices of a survey are tall and narrow. Products of them take microseconds, and the threads that linear algebra
libraries start by themselves spin in between: on a busy machine a loop of refits takes ten times as long with them.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

P, R = ParamSpec("P"), TypeVar("R")


def one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function with linear algebra on one thread; afterwards there are as many as before.

    Examples
    --------
    >>> import numpy as np
    >>> @one_thread
    ... def gram(matrix):
    ...     return matrix.T @ matrix
    >>> gram(np.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    @wraps(function)
    def limited(*arguments: P.args, **options: P.kwargs) -> R:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*arguments, **options)

    return limited


@cache
def _controller() -> "ThreadpoolController":
    """The libraries that are loaded; looked for once, because that takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
