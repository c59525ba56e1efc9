"""The workflow files: what they may do, with what, and what their shell makes of odd input."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / ".github/workflows"
OURS = ("daily-scrape.yml", "drain-backlog.yml")
SECRETS = {"SUPABASE_URL": "https://example.supabase.co", "SUPABASE_SECRET_KEY": "sb_secret_x"}
OPTIONAL_SECRETS = {
    "Migrate images": {"PING_URL"},
    "Check that no images are left behind": {"ALERT_URL"},
}
ODD_NAMES = [
    "World Seiyudo",
    "勇進堂",
    'O\'Brien & "Sons"',
    "$(touch broken) `touch broken` $HOME",
    "--help",
    "a;b|c>d\\",
    "100% * ?",
]


def all_steps(document):
    return [step for job in document["jobs"].values() for step in job["steps"]]


@pytest.fixture
def recorder(tmp_path):
    """A folder whose `migrate` and `scrape` write down the arguments they were given."""
    commands = tmp_path / ".venv/bin"
    commands.mkdir(parents=True)
    for name in ("migrate", "scrape"):
        script = commands / name
        script.write_text(
            f"#!{sys.executable} -IS\n"  # without site-packages, whose set-up takes longest
            "import json, os, sys\n"
            "call = [os.path.basename(sys.argv[0]), *sys.argv[1:]]\n"
            "print(json.dumps(call), file=open('calls.jsonl', 'a'))\n"
            "failing = os.path.exists('fail') and open('fail').read().split()\n"
            "sys.exit(int(failing[1]) if failing and failing[0] in call else 0)\n"
        )
        script.chmod(0o755)
    (tmp_path / "Makefile").write_text("setup:\n\t@test ! -e no-setup\n")
    return tmp_path


def calls(folder):
    path = folder / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def daily(shell, folder, workflow, *, secrets=SECRETS, **inputs):
    run = shell(folder=folder, secrets=secrets, inputs=inputs)
    run.run(workflow("daily-scrape.yml")["jobs"]["daily"]["steps"])
    return run


@pytest.mark.parametrize(
    "tool",
    [
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        ("zizmor", "--offline", "--quiet"),
    ],
)
def test_the_files_pass_the_checkers(tool):
    program = shutil.which(tool[0], path=str(Path(sys.executable).parent))
    assert program, f"{tool[0]} is missing: run make setup"
    done = subprocess.run(
        [program, *tool[1:], *map(str, sorted(FOLDER.glob("*.yml")))],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", OURS)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(name):
    used = re.findall(r"uses: (\S+)(.*)", (FOLDER / name).read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@pytest.mark.parametrize("name", OURS)
def test_no_expression_stands_inside_a_shell_script(name, workflow):
    assert [
        step["name"] for step in all_steps(workflow(name)) if "${{" in step.get("run", "")
    ] == []


@pytest.mark.parametrize("name", OURS)
def test_only_steps_that_talk_to_the_database_see_the_secrets(name, workflow):
    document = workflow(name)
    assert document["permissions"] == {"contents": "read"}
    assert "env" not in document
    assert all("env" not in job and "permissions" not in job for job in document["jobs"].values())
    holders = [step for step in all_steps(document) if "secrets." in str(step)]
    for step in holders:
        assert ".venv/bin/" in step["run"] or step["name"] == "Check that the secrets are set"
        secret = {k for k, v in step["env"].items() if "secrets." in v}
        assert secret - OPTIONAL_SECRETS.get(step["name"], set()) == set(SECRETS)


@pytest.mark.parametrize("name", OURS)
def test_deadlines_lie_inside_the_step_and_the_steps_inside_the_job(name, workflow):
    for job in workflow(name)["jobs"].values():
        assert (
            sum(step.get("timeout-minutes", 0) for step in job["steps"]) <= job["timeout-minutes"]
        )
        for step in job["steps"]:
            runs = step.get("run", "").count('.venv/bin/migrate "$@"')
            for minutes in re.findall(r"--deadline (\d+)", step.get("run", "")):
                assert int(minutes) * runs + 5 <= step["timeout-minutes"]


def test_two_daily_runs_never_overlap(workflow):
    assert workflow("daily-scrape.yml")["concurrency"] == {
        "group": "daily-scrape",
        "cancel-in-progress": False,
    }


def test_the_chain_runs_in_its_order(actions_shell, workflow, recorder):
    run = daily(actions_shell, recorder, workflow)
    assert [result.outcome for result in run.results] == ["success"] * len(run.results)
    assert calls(recorder) == [
        ["scrape", "daily"],
        ["migrate", "--limit", "500", "--workers", "10", "--deadline", "35"],
        ["migrate", "check"],
        ["migrate", "stats", "--format", "markdown"],
        ["migrate", "stats", "--format", "json"],
        ["migrate", "report", "report.html"],
    ]


def test_inputs_reach_the_commands(actions_shell, workflow, recorder):
    daily(
        actions_shell,
        recorder,
        workflow,
        dealer="Aoi Art",
        limit=20,
        workers=3,
        retry_failed=True,
        skip_scrape=True,
    )
    migrate = ["migrate", "--limit", "20", "--workers", "3", "--deadline", "35", "--dealer=Aoi Art"]
    assert calls(recorder)[:3] == [migrate, [*migrate, "--retry-failed"], ["migrate", "check"]]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_dealer_name_survives(name, actions_shell, workflow, recorder):
    daily(actions_shell, recorder, workflow, dealer=name)
    assert calls(recorder)[0] == ["scrape", "daily", f"--dealer={name}"]
    assert calls(recorder)[1][-1] == f"--dealer={name}"
    assert not (recorder / "broken").exists()


@pytest.mark.parametrize(
    ("secrets", "named"),
    [
        ({}, "::Not set: SUPABASE_URL, SUPABASE_SECRET_KEY."),
        ({"SUPABASE_URL": "x"}, "::Not set: SUPABASE_SECRET_KEY."),
        ({"SUPABASE_SECRET_KEY": "x"}, "::Not set: SUPABASE_URL."),
    ],
)
def test_a_missing_secret_is_named_and_nothing_runs(
    secrets, named, actions_shell, workflow, tmp_path
):
    run = daily(actions_shell, tmp_path, workflow, secrets=secrets)
    assert named in run.results[0].stdout
    failed = [result.name for result in run.results if result.outcome == "failure"]
    assert failed == ["Check that the secrets are set", "Check that no images are left behind"]
    assert "could not be checked" in run.result("Check that no images are left behind").stdout
    assert {r.outcome for r in run.results[1:-3]} == {"skipped"}


@pytest.mark.parametrize("failing", ["daily 1", "--limit 1"])
def test_a_failed_step_does_not_keep_the_check_and_the_report_from_running(
    failing, actions_shell, workflow, recorder
):
    (recorder / "fail").write_text(failing)
    run = daily(actions_shell, recorder, workflow)
    assert [r.outcome for r in run.results].count("failure") == 1
    assert [call[1] for call in calls(recorder)] == [
        "daily",
        "--limit",
        "check",
        "stats",
        "stats",
        "report",
    ]


def test_an_unhealthy_state_fails_the_job_and_is_still_reported(actions_shell, workflow, recorder):
    (recorder / "fail").write_text("check 3")
    run = daily(actions_shell, recorder, workflow)
    assert [(r.name, r.code) for r in run.results if r.outcome == "failure"] == [
        ("Check that no images are left behind", 3)
    ]
    assert run.result("Report the statistics").outcome == "success"


def test_a_failed_set_up_is_told_apart_from_a_bad_state(actions_shell, workflow, tmp_path):
    (tmp_path / "Makefile").write_text("setup:\n\texit 1\n")
    run = daily(actions_shell, tmp_path, workflow)
    assert run.result("Migrate images").outcome == "skipped"
    assert "set-up did not finish" in run.result("Check that no images are left behind").stdout


@pytest.mark.parametrize(
    ("runners", "listed"),
    [(1, "[1]"), (4, "[1,2,3,4]"), (16, str(list(range(1, 17))).replace(" ", ""))],
)
def test_the_drain_plans_its_runners(runners, listed, actions_shell, workflow, tmp_path):
    run = actions_shell(folder=tmp_path, secrets=SECRETS, inputs={"runners": runners})
    run.run(workflow("drain-backlog.yml")["jobs"]["plan"]["steps"])
    assert run.outputs == {"list": listed}


def test_the_drain_needs_a_database_that_its_runners_share(actions_shell, workflow, tmp_path):
    run = actions_shell(folder=tmp_path, secrets={"SUPABASE_URL": "local"}, inputs={"runners": 4})
    run.run(workflow("drain-backlog.yml")["jobs"]["plan"]["steps"])
    assert "::error title=No shared database::" in run.results[0].stdout
    assert run.outputs == {}


@pytest.mark.parametrize("runners", [0, 17, -1, 2.5, "", "4; exit 0", None])
def test_the_drain_refuses_a_wrong_number_of_runners(runners, actions_shell, workflow, tmp_path):
    run = actions_shell(folder=tmp_path, secrets=SECRETS, inputs={"runners": runners})
    run.run(workflow("drain-backlog.yml")["jobs"]["plan"]["steps"])
    assert "from 1 to 16" in run.results[-1].stdout
    assert run.results[-1].outcome == "failure"


def test_one_failing_runner_does_not_stop_the_others_nor_the_check(workflow):
    jobs = workflow("drain-backlog.yml")["jobs"]
    assert jobs["drain"]["strategy"]["fail-fast"] is False
    assert jobs["check"]["needs"] == ["plan", "drain"]
    assert "!cancelled()" in jobs["check"]["if"]


@pytest.mark.parametrize(("runners", "per_host"), [(1, "4"), (2, "2"), (4, "1"), (16, "1")])
def test_many_runners_ask_a_host_for_no_more_than_one(
    runners, per_host, actions_shell, workflow, recorder
):
    inputs = {"runners": runners, "dealer": "O'Brien $(x)", "limit": 50}
    run = actions_shell(folder=recorder, secrets=SECRETS, inputs=inputs)
    run.run(workflow("drain-backlog.yml")["jobs"]["drain"]["steps"])
    expected = ["migrate", "--limit", "50", "--workers", "10", "--per-host", per_host]
    assert calls(recorder) == [[*expected, "--deadline", "150", "--dealer=O'Brien $(x)"]]


def test_the_local_supabase_needs_its_name_but_no_key(actions_shell, workflow, recorder):
    run = daily(actions_shell, recorder, workflow, secrets={"SUPABASE_URL": "local"})
    assert [result.outcome for result in run.results] == ["success"] * len(run.results)
