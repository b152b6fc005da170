"""The command line: one function per command, each prints what it did and where.

Nothing is imported before it is known which command is meant, so that help comes at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kzsurvey import __version__
from kzsurvey.errors import SurveyError

if TYPE_CHECKING:
    from kzsurvey.exchange import Exchanged

UNITS = ("code points", "utf-16", "utf-8")
MOST_REASONS = 5
NOBODY_READS = 141  # as a shell counts a program that a closed pipe has ended


def new(options: argparse.Namespace) -> None:
    """Draft the folder of a new survey.

    From a form, or as a small example to be changed. Its survey.toml shows all that can be said there.
    """
    from kzsurvey.survey import new_survey

    for path in new_survey(options.folder, form=options.form):
        print(path)
    print(f"next: fill in {options.folder}/survey.toml, then run: kzsurvey check {options.folder}")


def check(options: argparse.Namespace) -> None:
    """List every fault of a definition at once.

    Read are all files of the folder; nothing is written.
    """
    from kzsurvey.coding import codings_faults, example_faults
    from kzsurvey.errors import DefinitionError, fail_if
    from kzsurvey.survey import definition_faults, read_survey

    fail_if(definition_faults(options.survey), DefinitionError)
    survey = read_survey(options.survey)
    fail_if([*example_faults(survey), *codings_faults(survey)], DefinitionError)
    print(
        f"{options.survey}: sound; {len(survey.questions)} questions, {len(survey.choices)} answer options, "
        f"{len(survey.codes)} codes, {len(survey.measures)} measures, {len(survey.models)} models"
    )


def teach(options: argparse.Namespace) -> None:
    """Learn the weighted phrases of a codebook from sentences.csv, and write phrases.csv."""
    from kzsurvey.coding.rules.teaching import learn_phrases
    from kzsurvey.files import whole_file
    from kzsurvey.survey import read_survey
    from kzsurvey.survey.phrases import PHRASES, read_sentences

    survey = read_survey(options.survey, check_delivered=False, phrases=False)
    sentences = read_sentences(survey)
    print(f"{survey.name}: {len(sentences)} sentences", flush=True)
    learned = learn_phrases(sentences, survey)
    with whole_file(survey.folder / PHRASES) as path:
        learned.phrases.to_csv(path, index=False, lineterminator="\n")
    print("judged in sentences that were left out in turn, those aside that patterns were made with:")
    print(learned.judged.round(3).to_string())
    print(survey.folder / PHRASES)


def simulate(options: argparse.Namespace) -> None:
    """Write simulated answers as field teams would deliver them.

    Into delivered/, of a survey that says simulated = true; by its simulation.toml, or else whatever the form allows.
    """
    from kzsurvey.simulate import simulate as draw
    from kzsurvey.survey import read_survey

    made = draw(options.survey, interviews=options.interviews, seed=options.seed, truth=options.truth)
    _print_all(made)
    known = [delivered.path for delivered in read_survey(options.survey, check_delivered=False).delivered]
    for path in made:
        if path.parent == options.survey / "delivered" and path not in known:
            print(f'next: add to survey.toml: [[delivered]], below it: file = "delivered/{path.name}"')


def rehearse(options: argparse.Namespace) -> None:
    """Let simulated coders code a sample of a built survey's simulated answers."""
    from kzsurvey.rehearsal import rehearse_coding

    _print_all(rehearse_coding(options.survey, interviews=options.interviews, seed=options.seed))


def build(options: argparse.Namespace) -> None:
    """Make the six tables.

    Delivered answers are read, cleaned, coded and weighted, declared models are fitted: data/processed/<survey>.
    """
    from kzsurvey.build import build as make

    make(options.survey, progress=_say)


def report(options: argparse.Namespace) -> None:
    """Make the reports of a built survey.

    A file for each notebook and language: reports/<survey>/<language>.
    """
    from kzsurvey.build import report as make

    _print_all(make(options.survey, languages=options.language, to=options.to, progress=_say))


def run(options: argparse.Namespace) -> None:
    """Make the tables, then the reports."""
    build(options)
    report(options)


def export(options: argparse.Namespace) -> None:
    """Write the codebook, or answers and codings, as a REFI-QDA file for NVivo, MAXQDA, ATLAS.ti, QualCoder."""
    from kzsurvey.coding.exchange import Positions
    from kzsurvey.exchange import export_project

    positions = Positions(options.positions or "code points")
    _say_exchanged(export_project(options.survey, options.to, variables=options.variables, positions=positions))


def bring_in(options: argparse.Namespace) -> None:
    """Read a REFI-QDA file of another program: codings into the survey it came from, or a new survey."""
    from kzsurvey.coding.exchange import Positions
    from kzsurvey.exchange import how_read, import_project

    positions = Positions(options.positions) if options.positions else None
    made = import_project(options.file, options.folder, coder=options.coder, positions=positions)
    if how := how_read(made.project):
        print(how)
    _say_exchanged(made)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it ended well, 2 when something of the user's is at fault."""
    _write_utf8()
    try:
        try:
            return _run(_parser().parse_args(arguments))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    except BrokenPipeError:  # what reads our lines has gone: kzsurvey ... | head
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())  # else Python complains again when it ends
        return NOBODY_READS


def _run(options: argparse.Namespace) -> int:
    """The command, and what is said when it cannot do its work."""
    try:
        options.command(options)
    except SurveyError as fault:
        print(f"kzsurvey: {fault}", file=sys.stderr)
        return 2
    except OSError as fault:
        if fault.filename is None:
            raise
        allowed = "a place that can be read and written"
        print(f"kzsurvey: {fault.filename}: found {fault.strerror}; allowed: {allowed}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kzsurvey: stopped; nothing half-written", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kzsurvey",
        description="From interviews to a published, reproducible report.",
        epilog="A first look: kzsurvey new data/raw/trial, then simulate, check, build and report on that folder.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"kzsurvey {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = _command(commands, "new", new)
    add.add_argument("folder", type=Path, metavar="FOLDER", help="the folder to make, its name is the survey's name")
    add.add_argument("--from", dest="form", type=Path, metavar="FORM", help="an XLSForm: form.xlsx, or CSV")
    _command(commands, "check", check, survey=True)
    _command(commands, "teach", teach, survey=True)
    add = _command(commands, "simulate", simulate, survey=True)
    add.add_argument("--interviews", type=_at_least_one, default=500, metavar="N", help="how many (500)")
    add.add_argument("--seed", type=_seed, default=1, metavar="S", help="the same seed gives the same answers (1)")
    add.add_argument("--truth", type=Path, metavar="FOLDER", help="also write what is true, to this folder")
    _command(commands, "build", build, survey=True)
    add = _command(commands, "rehearse", rehearse, survey=True)
    add.add_argument("--interviews", type=_at_least_one, default=500, metavar="N", help="as they were simulated (500)")
    add.add_argument("--seed", type=_seed, default=1, metavar="S", help="as they were simulated (1)")
    for name, function in (("report", report), ("run", run)):
        add = _command(commands, name, function, survey=True)
        add.add_argument("--language", type=_names, metavar="zh,en", help="languages of the reports (all)")
        add.add_argument("--to", type=_names, default=("html",), metavar="html", help="kinds of file (html)")
    add = _command(commands, "export", export, survey=True)
    add.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="name.qdpx, or name.qdc for the codes alone"
    )
    add.add_argument("--variables", type=_names, default=(), metavar="a,b", help="closed questions to show (none)")
    add.add_argument(
        "--positions", choices=UNITS, metavar="UNIT", help=f"{', '.join(UNITS)} (code points; NVivo: utf-16)"
    )
    add = _command(commands, "import", bring_in)
    add.add_argument("file", type=Path, metavar="FILE", help="name.qdpx or name.qdc")
    add.add_argument("folder", type=Path, metavar="FOLDER", help="the survey it came from, or the folder to make")
    add.add_argument("--coder", default="", metavar="NAME", help="whose codings they are to be (those of its users)")
    add.add_argument("--positions", choices=UNITS, metavar="UNIT", help=f"{', '.join(UNITS)} (what fits the passages)")
    return parser


def _command(commands: argparse._SubParsersAction, name: str, function: Callable, *, survey: bool = False):
    """One command, described by the first line of its function."""
    parser = commands.add_parser(name, help=function.__doc__.splitlines()[0], description=function.__doc__)
    parser.set_defaults(command=function)
    if survey:
        parser.add_argument("survey", type=Path, metavar="SURVEY", help="the survey's folder, data/raw/<survey>")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _at_least_one(text: str) -> int:
    return _whole_number(text, lowest=1)


def _seed(text: str) -> int:
    return _whole_number(text, lowest=0)


def _whole_number(text: str, *, lowest: int) -> int:
    if not text.isdecimal() or int(text) < lowest:
        raise argparse.ArgumentTypeError(f"found {text}; allowed: a whole number, {lowest} or more")
    return int(text)


def _say_exchanged(made: "Exchanged") -> None:
    """What there is, what went over, what did not, where it is."""
    print(made.project)
    if len(made.codings):
        print(f"recorded: {made.codings.groupby(['coder', 'action']).size().to_dict()}")
    for reason in made.not_taken["reason"].head(MOST_REASONS):
        print(f"not taken: {reason}")
    if len(made.not_taken) > MOST_REASONS:
        print(f"not taken: {len(made.not_taken)} in all")
    _print_all(made.written)


def _say(line: str) -> None:
    print(line, flush=True)


def _print_all(paths: Sequence[Path]) -> None:
    for path in paths:
        print(path)


def _write_utf8() -> None:
    """Chinese comes out whole on a terminal of any code page."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    sys.exit(main())
