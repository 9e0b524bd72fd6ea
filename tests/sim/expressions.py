"""expressions: the few of them that the simulation's pipelines use, as text and as a computation.

An expression is a list: an operator and its operands, which are expressions; ["f", name] is a field and
["n", value] a constant. What an operator does is PostgreSQL's: NULL in, NULL out, and three values of truth. A value
of a type that an operator cannot take makes the record one in error.
"""


class Wrong(Exception):
    """The record is in error; the argument is the code."""


def text(expr):
    op, args = expr[0], expr[1:]
    if op == "f":
        return args[0]
    if op == "n":
        return constant(args[0])
    if op == "not":
        return f"(not {text(args[0])})"
    if op in ("is null", "is not null"):
        return f"({text(args[0])} {op})"
    if op == "in":
        return f"({text(args[0])} in ({', '.join(constant(v) for v in args[1])}))"
    if op == "coalesce":
        return f"coalesce({', '.join(text(a) for a in args)})"
    if op == "case":
        return f"case when {text(args[0])} then {text(args[1])} else {text(args[2])} end"
    return f"({text(args[0])} {op} {text(args[1])})"


def constant(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def kind(value):
    """What a value can be compared with; None: NULL."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else "json"


def compare(op, a, b):
    if a is None or b is None:
        return None
    if kind(a) != kind(b) or kind(a) == "json":
        raise Wrong("expr.type")
    if kind(a) == "text":
        a, b = a.encode(), b.encode()
    return {"=": a == b, "<>": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


def compute(op, a, b):
    for value in (a, b):
        if value is not None and kind(value) != "number":
            raise Wrong("expr.type")
    if a is None or b is None:
        return None
    if op == "%":
        return a % b  # of numbers that are not negative
    result = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b}[op]()
    if isinstance(result, int) and not -(2**63) <= result < 2**63:
        raise Wrong("expr.range")
    return result


def both(a, b, decides):
    """`and` (decides False) and `or` (decides True)."""
    if decides in (a, b):
        return decides
    return None if None in (a, b) else not decides


def value_of(expr, record):
    op, args = expr[0], expr[1:]
    if op == "f":
        return record.get(args[0])
    if op == "n":
        return args[0]
    if op == "is null":
        return value_of(args[0], record) is None
    if op == "is not null":
        return value_of(args[0], record) is not None
    if op == "case":
        return value_of(args[1] if value_of(args[0], record) is True else args[2], record)
    if op == "coalesce":
        for arg in args:
            value = value_of(arg, record)
            if value is not None:
                return value
        return None
    if op == "not":
        value = value_of(args[0], record)
        return None if value is None else not value
    if op == "in":
        value = value_of(args[0], record)
        if value is None:
            return None
        if any(kind(v) != kind(value) for v in args[1]):
            raise Wrong("expr.type")
        return value in args[1]
    a, b = (value_of(arg, record) for arg in args)
    if op == "and":
        return both(a, b, False)
    if op == "or":
        return both(a, b, True)
    if op in ("+", "-", "*", "%"):
        return compute(op, a, b)
    return compare(op, a, b)
