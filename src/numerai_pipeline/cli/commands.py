"""The commands of `nai`, made from the methods of ``api.Project``.

Names, types and defaults come from a method's signature, help from its docstring:
the summary, the `Args:` and the `Examples:`. Only how a result is printed is written
here, in ``printing``.
"""

import contextlib
import inspect
import signal
import tomllib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from docstring_parser import DocstringStyle, parse
from typer.core import TyperArgument, TyperCommand, TyperGroup

from numerai_pipeline.api import COMMANDS, Cli, Project, Result, Step
from numerai_pipeline.cli import printing
from numerai_pipeline.core import EXIT_BUG, SILENT, ConfigError, explain

# These run until Ctrl-C.
_SERVERS = frozenset(("simulate", "tensorboard"))

_PANEL = "For every command"
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON.", rich_help_panel=_PANEL)
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="No progress on stderr.", rich_help_panel=_PANEL
    ),
]
_WORKSPACE_HELP = "Folder with numerai.toml and everything made from it."
Workspace = Annotated[
    Path,
    typer.Option(
        "--workspace",
        "-w",
        envvar="NUMERAI_WORKSPACE",
        help=_WORKSPACE_HELP,
        file_okay=False,
        rich_help_panel=_PANEL,
    ),
]
# After the command it overrides the one before it, the environment and the default.
LaterWorkspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help=_WORKSPACE_HELP,
        file_okay=False,
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True)
class Options:
    """The options that every command takes, before or after its name."""

    root: Path
    is_quiet: bool
    as_json: bool


class _PlainTypes:
    """Shows types in help only for options with a value."""

    def get_params(self, context: Any) -> Any:
        parameters = super().get_params(context)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
            elif isinstance(parameter, TyperArgument):
                parameter.display_type_rich = lambda **_: None  # type: ignore[method-assign]
        return parameters


class Command(_PlainTypes, TyperCommand):
    """A command."""


class Group(_PlainTypes, TyperGroup):
    """All commands."""


def add_commands(app: typer.Typer) -> None:
    """Add a command for each method."""
    for method in COMMANDS:
        _add_command(app, method)


def _add_command(app: typer.Typer, method: Callable[..., Result]) -> None:
    document = parse(inspect.getdoc(method) or "", DocstringStyle.GOOGLE)
    helps = {
        each.arg_name.lstrip("*"): " ".join((each.description or "").split())
        for each in document.params
    }
    parameters = list(inspect.signature(method).parameters.values())[1:]

    def command(context: typer.Context, **words: Any) -> None:
        before: Options = context.obj
        options = Options(
            root=words.pop("workspace") or before.root,
            is_quiet=words.pop("quiet") or before.is_quiet,
            as_json=words.pop("as_json") or before.as_json,
        )
        _run(method, _arguments(parameters, words), options)

    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            _parameter("context", typer.Context, inspect.Parameter.empty),
            *(_typer_parameter(each, helps[each.name]) for each in parameters),
            _parameter("workspace", LaterWorkspace, None),
            _parameter("quiet", Quiet, False),
            _parameter("as_json", AsJson, False),
        ]
    )
    texts = (document.short_description, document.long_description)
    app.command(
        method.__name__.replace("_", "-"),
        cls=Command,
        help="\n\n".join(
            " ".join(paragraph.split())
            for text in texts
            for paragraph in (text or "").split("\n\n")
        ).strip(),
        epilog="\n\n".join(f"Example: {line}" for line in examples_of(method)),
    )(command)


def examples_of(method: Callable[..., Result]) -> list[str]:
    """Return the command lines in the `Examples:` of a method's docstring."""
    document = parse(inspect.getdoc(method) or "", DocstringStyle.GOOGLE)
    return [
        line.strip()
        for each in document.examples
        for line in (each.description or "").splitlines()
    ]


def cli_of(annotation: Any) -> Cli:
    """Return how a parameter appears on the command line, from its annotation."""
    found = Cli()
    if get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            found = found.over(cli_of(each))
    elif get_origin(annotation) is Annotated:
        kind, *metadata = get_args(annotation)
        for each in reversed(metadata):
            found = found.over(each)
        found = found.over(cli_of(kind))
    return found


def _typer_parameter(parameter: inspect.Parameter, text: str) -> inspect.Parameter:
    cli = cli_of(parameter.annotation)
    kind = cli.kind
    if kind is None:
        kind = parameter.annotation
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
    default = parameter.default
    if parameter.kind is parameter.VAR_KEYWORD:
        default = None
    if get_origin(kind) is list and default is not parameter.empty:
        default = list(default) if default else None
    if default is None and type(None) not in get_args(kind):
        kind = kind | None
    if isinstance(default, str) and get_args(kind) == () and issubclass(kind, Path):
        default = Path(default)
    is_argument = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    if is_argument and cli.option is None:
        info: Any = typer.Argument(help=text, show_default=default is not None)
    else:
        flag = cli.option or f"--{parameter.name.replace('_', '-')}"
        info = typer.Option(
            *flag.split(),
            help=text,
            metavar=cli.metavar,
            rich_help_panel=cli.panel,
        )
    return _parameter(parameter.name, Annotated[kind, info], default)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _arguments(
    parameters: list[inspect.Parameter], words: dict[str, Any]
) -> dict[str, Any]:
    """Return what the method is called with; None leaves its default."""
    arguments: dict[str, Any] = {}
    for parameter in parameters:
        value, cli = words[parameter.name], cli_of(parameter.annotation)
        if value is None:
            continue
        if cli.is_pairs:
            flag = cli.option or f"--{parameter.name.replace('_', '-')}"
            value = parse_pairs(value, flag)
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= value
        else:
            arguments[parameter.name] = value
    return arguments


def parse_pairs(words: list[str], flag: str) -> dict[str, Any]:
    """Read KEY=VALUE words; a value is TOML, otherwise text.

    Raises:
        ConfigError: if a word has another form.

    >>> parse_pairs(["units=[8, 4]", "activation=relu"], "--set")
    {'units': [8, 4], 'activation': 'relu'}
    """
    values: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"{flag} {word!r} is not KEY=VALUE. "
                f"Write it like {flag} learning_rate=0.001."
            )
        try:
            values[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text.strip()
    return values


def _run(
    method: Callable[..., Result], arguments: dict[str, Any], options: Options
) -> None:
    """Call the method, print what it returns, and end with its exit code."""
    from numerai_pipeline.views import detect_progress

    def show_step(step: Step) -> None:
        if not options.as_json:
            printing.print_step(step)

    project = Project(
        options.root,
        progress=SILENT if options.is_quiet else detect_progress(),
        show_step=show_step,
    )
    print_result = printing.print_json if options.as_json else printing.print_result
    if method.__name__ in _SERVERS:
        with _until_interrupted():
            server: Any = method(project, **arguments)
            try:
                print_result(server)
                server.wait()
            finally:
                server.stop()
        return
    result = method(project, **arguments)
    print_result(result)
    for name, error in getattr(result, "errors", {}).items():
        code, sentence = explain(error)
        if code == EXIT_BUG:
            traceback.print_exception(error)
        printing.print_error(f"{name}: {sentence}")
    if result.exit_code:
        raise typer.Exit(result.exit_code)


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    """Leave the block without an error at Ctrl-C or SIGTERM."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        yield
