"""The commands of the program as functions. Each runs the program once with --json and returns the object that it prints
(docs/cli.md). An option is a keyword: `group_size=32` is `--group-size 32`, `symmetric=True` is `--symmetric`, a list gives the
option once for each of its values; None and False leave it out."""
import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, Dict, List, Union

PathLike = Union[str, "os.PathLike[str]"]
Report = Dict[str, Any]


class Error(Exception):
    """A command that did not exit with 0. `exit_code` is one of docs/cli.md's, `report` the object that was printed
    nevertheless: the whole report where a gate failed, None where there is none."""

    def __init__(self, message: str, exit_code: int, report: Union[Report, None]) -> None:
        super().__init__(message, exit_code, report)
        self.exit_code = exit_code
        self.report = report

    def __str__(self) -> str:
        return str(self.args[0])


def program() -> str:
    """The path of the program: $OCTET_BIN, the script that was installed with this module, or the first `octet` on PATH."""
    chosen = os.environ.get("OCTET_BIN")
    if chosen:
        return chosen
    home = Path(__file__).resolve().parent.parent
    user = sysconfig.get_path("scripts", f"{os.name}_user")
    for folder in (sysconfig.get_path("scripts"), user, home / "bin"):  # the last: pip install --target
        place = Path(folder) / "octet"
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
    found = shutil.which("octet")
    if found is None:
        raise FileNotFoundError("the program octet is neither beside this module nor on PATH; set OCTET_BIN to its path")
    return found


def _arguments(options: Dict[str, object]) -> List[str]:
    arguments = []
    for name, value in options.items():
        option = "--" + name.rstrip("_").replace("_", "-")  # `for_` is --for
        if value is None or value is False:
            continue
        if value is True:
            arguments.append(option)
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            arguments.append(f"{option}={os.fspath(one) if isinstance(one, os.PathLike) else one}")
    return arguments


def _object(text: str) -> Union[Report, None]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _run(command: str, paths: List[PathLike], options: Dict[str, object]) -> Report:
    line = [program(), command, "--json", "--quiet", *_arguments(options), "--", *(os.fspath(path) for path in paths)]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    report = _object(done.stdout.decode("utf-8", "replace"))
    if done.returncode != 0 or report is None:
        said = done.stderr.decode("utf-8", "replace").strip()
        if report is not None and "error" in report:
            said = report["error"]["message"]
        raise Error(said or f"octet {command}: exit code {done.returncode}", done.returncode, report)
    return report


def quantize(input: PathLike, output: PathLike, **options: object) -> Report:
    """Quantizes a checkpoint into a set, or with `type` or `format` into what another program reads."""
    return _run("quantize", [input, output], options)


def dequantize(set: PathLike, output: PathLike, **options: object) -> Report:
    """Restores a set to a checkpoint."""
    return _run("dequantize", [set, output], options)


def inspect(path: PathLike, **options: object) -> Report:
    """What a checkpoint or set holds, from its headers."""
    return _run("inspect", [path], options)


def verify(set: PathLike, **options: object) -> Report:
    """Checks every byte of a set, with `source` also every value against its bound."""
    return _run("verify", [set], options)


def compare(a: PathLike, *others: PathLike, **options: object) -> Report:
    """Measures checkpoints and sets against the first."""
    return _run("compare", [a, *others], options)


def plan(input: PathLike, **options: object) -> Report:
    """What quantize would do to each tensor."""
    return _run("plan", [input], options)


def generate(model: PathLike, prompt: str, **options: object) -> Report:
    """The text that a GPT-2 or T5 writes after `prompt`, on codes or on floats."""
    return _run("generate", [model], {"prompt": prompt, **options})


def evaluate(model: PathLike, **options: object) -> Report:
    """Loss and perplexity of a model, with `reference` also its divergence from another."""
    return _run("evaluate", [model], options)


def calibrate(model: PathLike, output: PathLike, **options: object) -> Report:
    """Writes the mean squares of a model's activations, which `importance` of quantize takes."""
    return _run("calibrate", [model], {"output": output, **options})


def version() -> Report:
    """Version, commit, compiler and instruction sets of the program."""
    done = subprocess.run([program(), "--version", "--json"], stdout=subprocess.PIPE, check=True)
    report = _object(done.stdout.decode())
    assert report is not None
    return report
