"""Kernels are arithmetic on flat arrays: one that imports a noun or raises can neither be cached nor trusted."""

from __future__ import annotations

import ast

ALLOWED_ROOTS = {"__future__", "numpy", "numba", "math", "typing"}
# jit.py is the compiler's shell, not a kernel: it hashes sources, names folders and reports progress.
SHELL = "kernels/jit.py"
ATOMICS = {"kernels/atomics.py": {"llvmlite"}}


def kernels(house):
    return [source for source in house if source.room == "kernels" and source.path != SHELL]


def compiled(tree):
    """Functions under @kernel(...)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            ast.unparse(decorator).startswith("kernel") for decorator in node.decorator_list
        ):
            yield node


def test_kernels_import_numbers_only(house):
    found = []
    for source in kernels(house):
        allowed = ALLOWED_ROOTS | ATOMICS.get(source.path, set())
        for line, name in source.imports():
            if name.split(".")[0] not in allowed and not name.startswith("app.kernels."):
                found.append(f"app/{source.path}:{line} {name}")
    assert not found


def test_kernels_never_raise(house):
    """A raise inside a kernel allocates, unwinds without cleaning and hides the status that callers check."""
    found = [
        f"app/{source.path}:{node.lineno} {function.name}"
        for source in kernels(house)
        for function in compiled(source.tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise | ast.Try | ast.Assert)
    ]
    assert not found


def test_one_decorator_compiles(house):
    """Numba's own cache does not see a change in another file; only our decorator names the folder by all of them."""
    found = [
        f"app/{source.path}:{line} {name}"
        for source in house
        if source.path != SHELL
        for line, name in source.imports()
        if name in {"numba.njit", "numba.jit", "numba.vectorize", "numba.guvectorize", "numba.experimental.jitclass"}
    ]
    found += [
        f"app/{source.path}:{line} {called}"
        for source in house
        if source.path != SHELL
        for line, called in source.calls()
        if called in {"numba.njit", "numba.jit", "njit", "jit", "numba.vectorize", "jitclass"}
    ]
    assert not found


def test_kernels_keep_no_hidden_state(house):
    """A kernel with a global draws, remembers or prints: results must come from its arguments alone."""
    found = []
    for source in kernels(house):
        for function in compiled(source.tree):
            for node in ast.walk(function):
                is_print = isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
                is_draw = isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random")
                if isinstance(node, ast.Global | ast.Nonlocal) or is_print or is_draw:
                    found.append(f"app/{source.path}:{node.lineno} {function.name}")
    assert not found


def test_kernels_write_only_where_their_names_say(house):
    """A reader of a call must see what changes: outputs are out_*, inputs that change end in _inplace."""
    found = []
    for source in kernels(house):
        for function in compiled(source.tree):
            parameters = {argument.arg for argument in function.args.args}
            for node in ast.walk(function):
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                for target in targets:
                    if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
                        continue
                    name = target.value.id
                    if name in parameters and not name.startswith("out_") and not name.endswith("_inplace"):
                        found.append(f"app/{source.path}:{node.lineno} {function.name} writes {name}")
    assert not found
