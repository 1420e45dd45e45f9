"""What commands print, for people and for programs, and how they fail."""

import json
import re

import pytest

pytestmark = pytest.mark.acceptance

COMMANDS = [
    "serve",
    "worker",
    "import",
    "train",
    "jobs",
    "sweep",
    "recommend",
    "models",
    "evaluate",
]
COMMANDS += [
    "keys",
    "diagnose",
    "demo",
    "backup",
    "restore",
    "upgrade",
    "downgrade",
    "doctor",
    "prune",
]


def data(told) -> object:
    """Give what a command with --json printed; stdout holds nothing else."""
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_help_lists_every_command(recsvc):
    told = recsvc("--help")

    assert told.returncode == 0
    listed = re.findall(r"^│ (\w+) ", told.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_version_option_prints_version(recsvc):
    assert re.fullmatch(r"recsvc \d+\.\d+\.\d+\n", recsvc("--version").stdout)


def test_import_prints_count_of_ratings_and_refused_lines(recsvc, trained, ratings_file):
    told = recsvc("import", ratings_file, "--url", trained.url)

    assert told.returncode == 0
    assert re.search(r"ratings\.csv: [\d,]+ ratings imported", told.stdout)
    assert "lots" in told.stdout


def test_import_dry_run_counts_ratings_and_interactions(recsvc, trained, tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("user,item,type,rating\nnew,i1,rating,4\nnew,i1,view,\nnew,i2,cart,\n")

    told = recsvc("import", file, "--dry-run", "--url", trained.url)

    assert "1 rating and 2 interactions can be imported; nothing was stored." in told.stdout


def test_jobs_refusals_prints_every_refused_line(recsvc, trained, ratings_file):
    jobs = data(recsvc("import", ratings_file, "--url", trained.url, "--json"))

    refused = data(recsvc("jobs", "refusals", jobs[0]["id"], "--url", trained.url, "--json"))

    lines = len(ratings_file.read_text().splitlines())
    assert [refusal["line"] for refusal in refused] == [lines - 1, lines]


def test_train_prints_epochs_on_stderr_and_result_on_stdout(recsvc, trained):
    told = recsvc("train", "--set", "epochs=2", "--set", "n_hidden=4", "--url", trained.url)

    assert told.returncode == 0
    assert re.search(r"epoch 2: validation NLL \d\.\d+, RMSE \d\.\d+", told.stderr)
    assert "Model version" in told.stdout
    assert "user item bias" in told.stdout


def test_train_and_curve_print_ndcg_of_joint_machine(recsvc, trained):
    changes = ("--set", "epochs=1", "--set", "n_hidden=4", "--set", "rating_epochs=0")
    told = recsvc("train", "--kind", "joint_rbm", *changes, "--url", trained.url)
    number = data(recsvc("jobs", "list", "--kind", "training", "--url", trained.url, "--json"))[0]
    table = recsvc("jobs", "curve", number["id"], "--url", trained.url).stdout

    assert re.search(r"epoch 1: validation NLL .*, nDCG@10 0\.\d+\n", told.stderr)
    assert "validation nDCG@10" in table.splitlines()[0]
    assert re.search(r"^validation nDCG@10  \S+$", table, re.MULTILINE)


def test_train_dry_run_prints_data_and_estimate(recsvc, trained):
    asked = ("train", "--dry-run", "--url", trained.url)
    n_jobs = recsvc("jobs", "list", "--url", trained.url).stdout.count("\n")

    shown = recsvc(*asked)
    told = json.loads(recsvc(*asked, "--json").stdout)

    assert shown.returncode == 0
    assert "Training would take about" in shown.stdout
    assert f"{told['data']['n_ratings']:,} ratings" in " ".join(shown.stdout.split())
    assert "lines refused" in " ".join(shown.stdout.split())
    assert told["verdict"] in ("ready", "scarce")
    assert recsvc("jobs", "list", "--url", trained.url).stdout.count("\n") == n_jobs


def test_train_dry_run_exits_with_1_when_training_would_fail(recsvc, tmp_path):
    refused = recsvc("train", "--dry-run", home=tmp_path / "empty")

    assert refused.returncode == 1
    assert "training needs" in " ".join(refused.stderr.split())
    assert "0 ratings and 0 interactions" in " ".join(refused.stdout.split())


def test_train_prints_error_line_for_unknown_hyperparameter(recsvc, trained):
    told = recsvc("train", "--set", "n_hiden=4", "--url", trained.url)

    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("error: Unknown hyperparameter: hyperparameters: 'n_hiden'")
    assert told.stderr.count("\n") == 1


def test_train_refuses_nan_as_text(recsvc, trained):
    told = recsvc("train", "--set", "learning_rate=NaN", "--url", trained.url)

    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "learning_rate is 'NaN'; it must be a number" in told.stderr


def test_train_exits_with_2_for_setting_without_value(recsvc):
    assert recsvc("train", "--set", "n_hidden").returncode == 2


def test_import_exits_with_2_for_missing_file(recsvc):
    assert recsvc("import", "/no/such/file").returncode == 2


def test_import_exits_with_1_for_binary_file(recsvc, trained, tmp_path):
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)

    told = recsvc("import", file, "--url", trained.url)

    assert told.returncode == 1
    assert told.stdout == ""
    assert "picture.png was not imported." in told.stderr


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["import", "dry run"])
def test_import_prints_reasons_when_every_line_is_refused(recsvc, trained, tmp_path, options):
    file = tmp_path / "none.csv"
    file.write_text("user_id,item_id,rating\nann,tea,lots\nbob,cup,\n")

    told = recsvc("import", file, *options, "--url", trained.url)

    assert told.returncode == 1
    said = " ".join(told.stderr.split())
    assert "none.csv was not imported." in said
    assert "No line was accepted. Refused: 1 empty-value, 1 not-a-number." in said
    assert re.search(r"empty-value +1\b", told.stdout)
    assert "line 2: The rating is 'lots'" in told.stdout


def test_import_prints_columns_and_missing_fields_of_unknown_header(recsvc, trained, tmp_path):
    file = tmp_path / "times.csv"
    file.write_text("USER_ID,ITEM_ID,TIMESTAMP\nu,i,1586731606\n")

    told = recsvc("import", file, "--url", trained.url)

    assert told.returncode == 1
    assert '["USER_ID", "ITEM_ID", "TIMESTAMP"]' in " ".join(told.stderr.split())
    assert "Missing: a rating, an event type or a quantity." in " ".join(told.stderr.split())


def test_command_prints_error_line_when_service_does_not_answer(recsvc):
    told = recsvc("models", "list", "--url", "http://127.0.0.1:9")

    assert told.returncode == 1
    assert told.stderr.startswith("error: http://127.0.0.1:9 does not answer: ")
    assert told.stderr.count("\n") == 1


def test_command_prints_one_error_line_for_file_that_is_no_database(recsvc, tmp_path):
    (tmp_path / "recsvc.sqlite3").write_text(
        "a letter to the editor, long enough for a page\n" * 99
    )

    told = recsvc("models", "list", home=tmp_path)

    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert told.stderr.startswith(
        "error: The file of the database is damaged, or is not a database"
    )


def test_jobs_list_prints_newest_first(recsvc, trained):
    jobs = data(recsvc("jobs", "list", "--url", trained.url, "--json"))

    assert {job["kind"] for job in jobs} >= {"training", "import"}
    assert [job["id"] for job in jobs] == sorted((job["id"] for job in jobs), reverse=True)


def test_jobs_show_prints_jobs_of_each_kind(recsvc, trained):
    jobs = data(recsvc("jobs", "list", "--url", trained.url, "--json"))
    for kind in ("training", "import"):
        number = next(job["id"] for job in jobs if job["kind"] == kind)

        told = recsvc("jobs", "show", number, "--url", trained.url)

        assert told.stdout.startswith(f"{kind.capitalize()} job {number} ")


def test_jobs_curve_has_line_per_epoch(recsvc, trained):
    jobs = data(recsvc("jobs", "list", "--kind", "training", "--url", trained.url, "--json"))
    number = jobs[-1]["id"]

    epochs = data(recsvc("jobs", "curve", number, "--url", trained.url, "--json"))
    table = recsvc("jobs", "curve", number, "--url", trained.url).stdout

    assert [epoch["epoch"] for epoch in epochs][-1] == 2
    assert "validation RMSE" in table.splitlines()[0]


def test_jobs_diagnose_prints_change_that_retry_applies(recsvc, trained):
    changes = ("--set", "initial_weight=20", "--set", "epochs=6", "--set", "n_hidden=8")
    recsvc("train", "--kind", "user_rbm", *changes, "--publish", "never", "--url", trained.url)
    number = data(recsvc("jobs", "list", "--kind", "training", "--url", trained.url, "--json"))[0]

    told = recsvc("jobs", "diagnose", number["id"], "--url", trained.url)

    assert told.returncode == 1
    assert re.search(r"^problem bad start, epochs 0 to 0$", told.stdout, re.MULTILINE)
    assert "Try initial_weight 0.01 instead of 20." in told.stdout

    again = data(
        recsvc(
            "jobs", "retry", number["id"], "--apply", "bad_start", "--url", trained.url, "--json"
        )
    )
    assert again["state"] == "succeeded"
    assert again["retry_of"] == number["id"]
    assert again["hyperparameters"]["initial_weight"] == 0.01
    cured = recsvc("jobs", "diagnose", again["id"], "--url", trained.url)
    assert "bad start" not in cured.stdout


def test_diagnose_reads_curve_from_file(recsvc, trained, tmp_path):
    sick, sound = tmp_path / "sick.csv", tmp_path / "sound.csv"
    sick.write_text("epoch,loss,val_loss\n0,2.0,2.0\n1,1.9,\n2,nan,1.9\n")
    sound.write_text("epoch,val_loss\n" + "".join(f"{n},{2 / (n + 1)}\n" for n in range(20)))

    told = recsvc("diagnose", sick, "--set", "learning_rate=4", "--url", trained.url)
    found = data(recsvc("diagnose", sound, "--url", trained.url, "--json"))

    assert told.returncode == 1
    assert "problem not finite, epochs 2 to 2" in told.stdout
    assert "Try learning_rate 0.4 instead of 4." in told.stdout
    assert found == {"verdict": "healthy", "findings": [], "n_epochs": 20}
    sound.write_text("epoch,val_loss\n1,low\n")
    refused = recsvc("diagnose", sound, "--url", trained.url)
    assert (
        refused.stderr
        == f"error: {sound}, line 2: val_loss is 'low'. It must be a number or empty.\n"
    )


def test_jobs_cancel_refuses_finished_job(recsvc, trained):
    jobs = data(recsvc("jobs", "list", "--kind", "training", "--url", trained.url, "--json"))

    told = recsvc("jobs", "cancel", jobs[-1]["id"], "--url", trained.url)

    assert told.returncode == 1
    assert told.stderr.startswith("error: Job already finished: ")


def test_jobs_show_exits_with_1_for_unknown_job(recsvc, trained):
    told = recsvc("jobs", "show", 987654, "--url", trained.url)

    assert told.returncode == 1
    assert told.stderr.startswith("error: Job not found: ")


def test_recommend_prints_table_or_json(recsvc, trained):
    table = recsvc("recommend", "reader-001", "-n", 3, "--url", trained.url)
    answer = data(recsvc("recommend", "reader-001", "-n", 3, "--url", trained.url, "--json"))

    assert len(answer["items"]) == 3
    assert all(item["item_id"] in table.stdout for item in answer["items"])
    assert "Model version" in table.stdout


def test_recommend_explain_prints_reasons_with_titles(recsvc, trained, client):
    asked = ("recommend", "reader-001", "-n", 3, "--explain", "--url", trained.url)
    answer = data(recsvc(*asked, "--json"))
    best = answer["items"][0]["because"][0]
    client.put_item(best["item_id"], title="The Quiet Harbour")

    table = recsvc(*asked)

    shown = f"The Quiet Harbour, rated {best['rating']:g}: +{best['effect']:.2f}"
    assert shown in table.stdout
    reasons = [reason for item in answer["items"] for reason in item["because"]]
    assert table.stdout.count(", rated ") == len(reasons)
    assert "because" not in recsvc(*asked[:4], "--url", trained.url).stdout


def test_recommend_explain_prints_no_reasons_for_unknown_user(recsvc, trained):
    asked = ("recommend", "nobody", "--explain", "--url", trained.url)

    assert {len(item["because"]) for item in data(recsvc(*asked, "--json"))["items"]} == {0}
    assert "because" not in recsvc(*asked).stdout


def test_published_version_is_marked_and_cannot_be_published_again(recsvc, trained):
    models = data(recsvc("models", "list", "--url", trained.url, "--json"))
    (published,) = (model["version"] for model in models if model["published"])

    told = recsvc("models", "publish", published, "--url", trained.url)

    assert "published" in recsvc("models", "list", "--url", trained.url).stdout
    assert told.returncode == 1
    assert told.stderr.startswith("error: Model version already published: ")


def test_models_show_prints_ratings_and_users(recsvc, trained):
    told = recsvc("models", "show", 1, "--url", trained.url)

    assert told.stdout.startswith("Model version 1")
    assert "ratings by 150 users" in told.stdout


def test_evaluate_prints_published_version_with_baselines(recsvc, trained):
    told = recsvc("evaluate", "-n", 5, "--all-users", "--url", trained.url)

    assert told.returncode == 0, told.stderr
    assert re.match(r"Model version \d+ on [\d,]+ ratings; lists of 5 for \d+ users", told.stdout)
    assert "10 % of the ratings are held out, chosen by a hash" in told.stdout
    tables = dict(
        re.findall(r"^(held-out ratings|lists of 5) +(.*?) *$", told.stdout, re.MULTILINE)
    )
    assert tables["held-out ratings"].split() == ["RMSE", "MAE", "NLL"]
    for name in ("nDCG", "P", "recall", "liked nDCG", "liked P", "coverage", "novelty"):
        assert name in re.split(r"  +", tables["lists of 5"])
    rows = re.findall(r"^(this model|user item bias|most rated|EASE) ", told.stdout, re.MULTILINE)
    assert rows == ["this model", "user item bias", "this model", "most rated", "EASE"]
    assert re.search(r"Calibration error 0\.\d+\. Probability that an item is liked:", told.stdout)


def test_evaluate_json_equals_model_card(recsvc, trained):
    job = data(recsvc("evaluate", 1, "--url", trained.url, "--json"))
    card = data(recsvc("models", "show", 1, "--url", trained.url, "--json"))

    assert (job["state"], job["version"], job["n_users"]) == ("succeeded", 1, 2000)
    for part in ("metrics", "baselines", "calibration", "protocol"):
        assert job["result"][part] == card[part]
    shown = recsvc("jobs", "show", job["id"], "--url", trained.url).stdout
    assert shown.startswith(f"Evaluation job {job['id']} succeeded")
    assert "Probability that an item is liked:" in shown


def test_evaluate_exits_with_1_for_unknown_version(recsvc, trained):
    told = recsvc("evaluate", 987, "--url", trained.url)

    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("error: Model version not found: ")


def test_evaluate_prints_remedy_when_no_version_is_published(recsvc, tmp_path):
    told = recsvc("evaluate", home=tmp_path / "empty")

    assert told.returncode == 1
    assert told.stderr == (
        "error: No model is published. Pass a version, or train a model: recsvc train\n"
    )


def test_models_publish_and_rollback_change_published_version(recsvc, trained):
    spec = ("--set", "epochs=1", "--set", "n_hidden=4", "--publish", "never", "--url", trained.url)
    version = data(recsvc("train", *spec, "--json"))["result"]["version"]

    published = data(recsvc("models", "publish", version, "--url", trained.url, "--json"))
    before = data(recsvc("models", "rollback", "--url", trained.url, "--json"))

    assert published["version"] == version
    assert before["version"] < version
    assert before["published"]


def test_commands_without_url_use_home(recsvc, ratings_file, tmp_path):
    home = tmp_path / "home"

    imported = data(recsvc("import", ratings_file, "--json", home=home))
    learned = data(
        recsvc(
            "train",
            "--set",
            "epochs=1",
            "--set",
            "n_hidden=4",
            "--publish",
            "always",
            "--json",
            home=home,
        )
    )
    answer = data(recsvc("recommend", "reader-001", "--json", home=home))

    assert imported[0]["state"] == learned["state"] == "succeeded"
    assert answer["model_version"] == learned["result"]["version"]
    assert (home / "recsvc.sqlite3").is_file()


def test_database_url_setting_overrides_home(recsvc, tmp_path):
    told = recsvc(
        "models", "list", home=tmp_path, RECSVC_DATABASE_URL=f"sqlite:///{tmp_path}/mine.sqlite3"
    )

    assert told.stdout == "No model versions. Train a model: recsvc train\n"
    assert (tmp_path / "mine.sqlite3").is_file()
    assert not (tmp_path / "recsvc.sqlite3").exists()
