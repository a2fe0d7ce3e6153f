"""Takes a piece out of a source that is known by name, wherever it stands and however it is set.

A piece of Python is an expression or a row of statements. It is compared by its syntax tree, so
that neither its place, nor its line ends, nor comments around it count. A piece of SQL belongs
to a named statement, and white space in it does not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_STATEMENT = re.compile(r"^-- name: (\w+).*$", re.MULTILINE)


class StaleTableError(Exception):
    """The table does not fit the code."""


def path_of(module: str) -> Path:
    """The file of a module, or of SQL, from the project's folder on."""
    return Path(module) if module.endswith(".sql") else Path(f"{module.replace('.', '/')}.py")


def patched(source: str, where: str, text: str, instead: str) -> str:
    """`source` with `instead` in the place of `text`.

    `where` is `module:name`: of a function, a method or a class, whose decorators and body hold
    the piece, or of an SQL statement; or `module` alone. StaleTableError if there is not just
    one such piece.
    """
    module, _, name = where.partition(":")
    if module.endswith(".sql"):
        return _patched_sql(source, where, name, text, instead)
    tree = ast.parse(source)
    scope = _scope(tree, name, where)
    expression, other = _as_expression(text), _as_expression(instead)
    if expression is not None and other is not None:
        count = _replace_expression(scope, ast.dump(expression), other)
    else:
        count = _replace_statements(scope, ast.parse(text).body, ast.parse(instead).body)
    _expect_one(count, where, text)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def planted(source: str, statement: str) -> str:
    """`source` with a statement after its docstring and its `from __future__` imports."""
    tree = ast.parse(source)
    at = next(
        number
        for number, node in enumerate(tree.body)
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    )
    tree.body[at:at] = ast.parse(statement).body
    return ast.unparse(tree) + "\n"


def _expect_one(count: int, where: str, text: str) -> None:
    if count != 1:
        raise StaleTableError(f"{where} holds {count} times, not once:\n{text}")


def _scope(tree: ast.Module, name: str, where: str) -> ast.AST:
    scope: ast.AST = tree
    for part in name.split(".") if name else ():
        found = [
            node
            for node in _within(scope)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.name == part
        ]
        if len(found) != 1:
            raise StaleTableError(f"{where}: there is not just one {part}")
        scope = found[0]
    return scope


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """The statements of a scope, without those of the functions and classes in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _within(node)


def _as_expression(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _replace_expression(scope: ast.AST, wanted: str, other: ast.expr) -> int:
    class Replacing(ast.NodeTransformer):
        count = 0

        def visit(self, node: ast.AST) -> ast.AST:
            if isinstance(node, ast.expr) and ast.dump(node) == wanted:
                self.count += 1
                return other
            return super().generic_visit(node)

    replacing = Replacing()
    replacing.generic_visit(scope)
    return replacing.count


def _replace_statements(scope: ast.AST, wanted: list[ast.stmt], other: list[ast.stmt]) -> int:
    pieces = [ast.dump(statement) for statement in wanted]
    count = 0
    for node in ast.walk(scope):
        for field in ("body", "orelse", "finalbody"):
            row = getattr(node, field, None)
            if not isinstance(row, list):
                continue
            dumps = [ast.dump(statement) for statement in row]
            for at in range(len(row) - len(pieces), -1, -1):
                if dumps[at : at + len(pieces)] == pieces:
                    row[at : at + len(pieces)] = other
                    count += 1
    return count


def _patched_sql(source: str, where: str, name: str, text: str, instead: str) -> str:
    for found in _STATEMENT.finditer(source):
        if found[1] == name:
            following = _STATEMENT.search(source, found.end())
            end = following.start() if following else len(source)
            statement = " ".join(source[found.end() : end].split())
            _expect_one(statement.count(text), where, text)
            changed = statement.replace(text, instead)
            return f"{source[: found.end()]}\n{changed}\n\n{source[end:]}"
    raise StaleTableError(f"{where}: there is no such statement")
