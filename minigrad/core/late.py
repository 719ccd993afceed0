"""Functions that are compiled from source when they are called first.

To compile all ops takes 0.3 seconds, and a program calls few of them.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from types import FunctionType
from typing import Any


def late_function(
    name: str, file: str, source: Callable[[], str], names: dict[str, Any]
) -> FunctionType:
    """Return the function `name` that the source defines; `names` are its globals.

    At its first call it takes the code and the defaults of that function. `inspect.getsource`
    finds the source in `file` before and after.

    >>> twice = late_function("twice", "twice.py", lambda: "def twice(x=2): return 2 * x", {})
    >>> twice(), twice(5)
    (4, 10)
    """

    def become(*args: Any, **kwargs: Any) -> Any:
        made: dict[str, Any] = {}
        exec(compile(source(), file, "exec"), names, made)
        function.__defaults__ = made[name].__defaults__
        function.__kwdefaults__ = made[name].__kwdefaults__
        function.__code__ = made[name].__code__  # last, as other threads may call it meanwhile
        return function(*args, **kwargs)

    linecache.cache[file] = (source,)  # called when a line is asked for
    names["become"] = become
    code = _FIRST_CALL.replace(co_filename=file, co_firstlineno=1, co_name=name, co_qualname=name)
    function = FunctionType(code, names, name)
    return function


# The globals are those of the function that has this code.
_FIRST_CALL = (lambda *args, **kwargs: globals()["become"](*args, **kwargs)).__code__
