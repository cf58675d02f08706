"""What the calls of all tasks have in common: the options, one line for a refusal, where results go."""

import importlib
from pathlib import Path

import pytest

from eval import called
from reprs.cli.judging import EVAL_TASKS

NEEDED = {"text_eq": ["--curves", "words.csv"], "hear": ["folder"]}


def options(task, *call):
    module = importlib.import_module(f"eval.{task}")
    return module.arguments().parse_args([*NEEDED.get(task, []), *call])


@pytest.mark.parametrize("task", EVAL_TASKS)
def test_shared_options_are_the_same_everywhere(task):
    usual = vars(options(task))
    assert usual["out"] is None and called.folder(options(task)) == Path("eval/results")
    assert usual.get("seed", 0) == 0
    assert not any(usual.get(name) for name in ("quick", "no_baselines", "music", "kept_back"))
    assert called.folder(options(task, "-o", "here")) == Path("here")
    for name, call in (("quick", ["--quick"]), ("music", ["--music", "a"]), ("kept_back", ["--kept-back"])):
        if name in usual:
            assert called.folder(options(task, *call)) == Path("runs/eval")
            assert called.folder(options(task, *call, "-o", "here")) == Path("here")


@pytest.mark.parametrize("task", EVAL_TASKS)
def test_an_output_that_cannot_be_is_one_line_before_any_work(task, shell, tmp_path, monkeypatch):
    module = importlib.import_module(f"eval.{task}")
    monkeypatch.setattr(module, "judge", lambda *_: pytest.fail("worked first"))
    taken = tmp_path / "file"
    taken.write_text("precious")
    for out in (taken, taken / "below"):
        code, printed, err = shell("eval", task, *NEEDED.get(task, []), "-o", out)
        assert code == 2 and not printed
        assert err.startswith(f"reprs eval {task}: ") and err.count("\n") == 1 and "is a file" in err


@pytest.mark.parametrize("task", ["probes", "retrieval"])
@pytest.mark.parametrize("clip_s", ["0", "-3", "nan", "0.05"])
def test_a_clip_too_short_to_hear_is_refused_before_any_work(task, clip_s, capsys):
    call = [f"--clip-s={clip_s}", "--model", "nothing"]
    assert importlib.import_module(f"eval.{task}").main(call) == 2
    assert capsys.readouterr().err == f"reprs eval {task}: --clip-s is at least 0.1\n"


def test_every_kind_of_failure_of_a_call_is_one_line(capsys):
    for error in (ValueError("two\nlines"), OSError("no room"), RuntimeError("shapes\n  differ")):

        @called.one_line("task")
        def main(argv, error=error):
            raise error

        assert main([]) == 2
        assert capsys.readouterr().err == f"reprs eval task: {' '.join(str(error).split())}\n"


def test_the_page_follows_the_record_alone(tmp_path, monkeypatch, capsys):
    from eval import results_page

    monkeypatch.setattr(results_page, "RESULTS", tmp_path / "record")
    monkeypatch.setattr(results_page, "write_page", lambda: "the page")
    called.name([Path("a.json"), Path("a.png")], tmp_path / "elsewhere")
    assert capsys.readouterr().out.split("\n")[:-1] == ["a.json", "a.png"]
    called.name([Path("a.json")], tmp_path / "record")
    assert capsys.readouterr().out.split("\n")[:-1] == ["a.json", "the page"]


def test_the_command_is_what_a_shell_takes():
    assert called.command("quality", ["--labels", "a b.csv"]) == "reprs eval quality --labels 'a b.csv'"
