"""Looks a handler up without running it: does the module exist, does it compile, does it bind the name?"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lambdatui.config import files
from lambdatui.config.model import FunctionConfig, Problem
from lambdatui.config.problems import did_you_mean, nearest


@dataclass(frozen=True)
class SyntaxFault:
    """Why a source does not compile."""

    message: str
    line: int | None


@dataclass
class ModuleNames:
    """What a module binds at its top level; `open`: a star import or a module `__getattr__` may bind anything."""

    bound: set[str] = field(default_factory=set)
    open: bool = False


Compiles = Callable[[Path], SyntaxFault | None]


def parse_source(source: bytes | str) -> ast.Module | SyntaxFault:
    """The syntax tree, or why there is none. Never raises for what the source holds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are the author's affair
            return ast.parse(source)
    except SyntaxError as exc:
        return SyntaxFault(exc.msg or "invalid syntax", exc.lineno)
    except (ValueError, RecursionError, MemoryError) as exc:
        return SyntaxFault(str(exc) or type(exc).__name__, None)


def compiles(path: Path) -> SyntaxFault | None:
    """Whether this engine's own Python accepts the file; the default `Compiles`."""
    try:
        source = files.read(path, files.MAX_LOCK_BYTES)
    except OSError as exc:
        return SyntaxFault(f"cannot be read: {exc.strerror or exc}", None)
    return compile_source(source, str(path))


def compile_source(source: bytes | str, name: str) -> SyntaxFault | None:
    """As `compiles`, of source text: also finds what only the compiler refuses (`return` outside a function)."""
    tree = parse_source(source)
    if isinstance(tree, SyntaxFault):
        return tree
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, name, "exec", dont_inherit=True)
    except SyntaxError as exc:
        return SyntaxFault(exc.msg or "invalid syntax", exc.lineno)
    except (ValueError, RecursionError, MemoryError) as exc:
        return SyntaxFault(str(exc) or type(exc).__name__, None)
    return None


def module_names(source: bytes | str) -> ModuleNames | None:
    """What the source binds at module level, through if, try, with and loops too; None: it does not parse."""
    tree = parse_source(source)
    if isinstance(tree, SyntaxFault):
        return None
    names = ModuleNames()
    _collect(tree.body, names)
    return names


def _collect(body: Iterable[ast.stmt], names: ModuleNames) -> None:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.bound.add(statement.name)
            names.open = names.open or statement.name == "__getattr__"
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                if alias.name == "*":
                    names.open = True
                else:
                    names.bound.add(alias.asname or alias.name.partition(".")[0])
        else:
            names.bound.update(_targets(statement))
            names.open = names.open or _assigns_globals(statement)
            for part in _blocks(statement):
                _collect(part, names)


def _targets(statement: ast.stmt) -> Iterator[str]:
    """Names that the statement itself stores, not those in nested scopes."""
    stack: list[ast.AST] = [
        child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt | ast.excepthandler)
    ]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        stack.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt))


def _assigns_globals(statement: ast.stmt) -> bool:
    """`globals()[...] = ...`, `globals().update(...)`, `sys.modules[__name__] = ...`: names unknown to a reader."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"globals", "setattr"}:
            return True
        if isinstance(node, ast.Attribute) and node.attr == "modules":
            return True
    return False


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list):
            yield block
    for handler in getattr(statement, "handlers", []):
        yield handler.body
    for case in getattr(statement, "cases", []):
        yield case.body


def split_handler(handler: str) -> tuple[str, str] | None:
    """(`a/b`, `fn`) of `a/b.fn` or `a.b.fn`, slashes kept; None where there is no dot: Lambda calls that malformed."""
    module, dot, name = handler.rpartition(".")
    return (module, name) if dot else None


def find_module(code_root: Path, module: str) -> Path | None:
    """The file that `import module` would load from the code folder: a package first, as Python does.

    A package without `__init__.py` answers its folder. Modules that Python brings or packages bring are None too.
    """
    parts = [part for part in module.replace("/", ".").split(".") if part]
    if not parts:
        return None
    base = code_root.joinpath(*parts)
    for candidate in (base / "__init__.py", base.with_name(base.name + ".py")):
        if candidate.is_file():
            return candidate
    for pattern in (f"{base.name}.*.so", f"{base.name}.so", f"{base.name}.pyc"):
        hit = next(iter(sorted(base.parent.glob(pattern))), None) if base.parent.is_dir() else None
        if hit:
            return hit
    return base if base.is_dir() else None


def check_handler(function: FunctionConfig, root: Path, check: Compiles = compiles) -> list[Problem]:
    """What stands between this function and its first init, as far as it shows without running anything.

    `check` compiles one file; the engine injects one that asks the function's own Python where that is newer than ours.
    """
    if function.unserved is not None:
        return []
    try:
        return _Lookup(function, root, check).problems()
    except (OSError, ValueError) as exc:  # a path that cannot be: too long, with a null byte
        return [_problem(function, f"{function.handler!r} cannot be looked up: {exc}", "Name a module of the code.")]


def _problem(
    function: FunctionConfig, message: str, remedy: str, *, file: str | None = None, line: int | None = None
) -> Problem:
    if file is None:
        file, line = function.file, function.line
    return Problem(severity="error", file=file, line=line, message=message, remedy=remedy, function=function.name)


class _Lookup:
    """One handler on its way to a file and a name."""

    def __init__(self, function: FunctionConfig, root: Path, check: Compiles) -> None:
        self.function = function
        self.root = root
        self.check = check
        self.code = Path(function.code_root)

    def problems(self) -> list[Problem]:
        function = self.function
        split = split_handler(function.handler)
        if split is None or not split[0] or not split[1]:
            return [self._bad(f"Bad handler '{function.handler}'", "Write it as module.function, e.g. app.handler.")]
        module, name = split
        if function.inline_code is not None:
            return self._inline(module, name, function.inline_code)
        if not self.code.is_dir():
            asset = self.code.name.startswith("asset.")  # what the CDK synthesised is rarely committed
            remedy = "Make it again: cdk synth" if asset else "Create it, or correct it."
            return [self._bad(f"the code folder {self._shown(self.code)} does not exist", remedy)]
        file = next((file for folder in self._folders() if (file := find_module(folder, module))), None)
        if file is None:
            return [self._missing_module(module)]
        if file.is_dir() or file.suffix != ".py":
            return []  # a namespace package or a compiled module: only an import can tell
        return self._named(files.read(file, files.MAX_LOCK_BYTES), module, name, file)

    def _folders(self) -> Iterator[Path]:
        """Where Python looks for the module: the code, then its layers."""
        yield self.code
        for layer in map(Path, self.function.layers):
            yield layer / "python" if (layer / "python").is_dir() else layer

    def _bad(self, message: str, remedy: str) -> Problem:
        return _problem(self.function, message, remedy)

    def _inline(self, module: str, name: str, source: str) -> list[Problem]:
        if module != "index":
            remedy = f"Inline code becomes index.py: set the handler to index.{name}."
            return [self._bad(f"Unable to import module '{module}': the code is inline", remedy)]
        fault = compile_source(source, "index.py")
        if fault:
            at = f" in line {fault.line} of the inline code" if fault.line else ""
            return [self._bad(f"Syntax error in module 'index': {fault.message}{at}", "Correct the inline code.")]
        return self._named(source, module, name, None)

    def _named(self, source: bytes | str, module: str, name: str, file: Path | None) -> list[Problem]:
        shown = self._shown(file) if file else None
        if file:
            fault = self.check(file)
            if fault:
                message = f"Syntax error in module '{module}': {fault.message}"
                return [_problem(self.function, message, "Correct that line.", file=shown, line=fault.line)]
        names = module_names(source)
        if names is None or names.open or name in names.bound:
            return []
        near = nearest(name, names.bound)
        usual = next((usual for usual in ("lambda_handler", "handler") if usual in names.bound), None)
        hit = near or usual
        remedy = f"Did you mean {module}.{hit}?" if hit else f"Define {name}(event, context) in {shown or 'it'}."
        message = f"Handler '{name}' missing on module '{module}'"
        return [_problem(self.function, message, remedy, file=shown or self.function.file, line=None)]

    def _missing_module(self, module: str) -> Problem:
        path = module.replace(".", "/") + ".py"
        siblings = [file.stem for file in self.code.glob("*.py")]
        prefix, _, last = module.replace("/", ".").rpartition(".")
        if prefix:
            folder = self.code.joinpath(*prefix.split("."))
            siblings = [f"{prefix}.{file.stem}" for file in folder.glob("*.py")] if folder.is_dir() else siblings
        otherwise = f"Create {path} in {self._shown(self.code)}, or correct the handler or its code folder."
        message = f"Unable to import module '{module}': no {path} in {self._shown(self.code)}"
        return self._bad(message, did_you_mean(f"{prefix}.{last}" if prefix else last, siblings, otherwise))

    def _shown(self, path: Path) -> str:
        """The path relative to the project where it lies inside."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)
