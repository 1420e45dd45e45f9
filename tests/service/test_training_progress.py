"""The progress of a training job, as the job stores it."""

from recsvc.db.tables import Job
from recsvc.rbm.auto_hyperparameters import Choice
from recsvc.service.training_progress import TrainingProgress

NOTE = {
    "remarks": {"few_ratings": 0.25},
    "epochs": 30,
    "baselines": {"most_rated": {"ndcg_at_10": 0.2}, "mean": {"rmse": 1.1}},
    "choices": {"n_hidden": {"value": 64, "because": "there are few users"}},
    "ratings_per_parameter": 0.5,
    "epoch": 12,
    "best_epoch": 0,
    "loss_without": {"odd_raters": 0.7},
    "phase": "training",
    "eta_seconds": 8.5,
    "next_job_id": 9,
}


def test_progress_reads_and_writes_all_facts_of_a_stored_note():
    progress = TrainingProgress.from_note(NOTE)

    assert progress.issues == {"few_ratings": 0.25}
    assert progress.choices == {"n_hidden": Choice(64, "there are few users")}
    assert progress.as_note() == NOTE


def test_progress_writes_only_known_facts():
    assert TrainingProgress.from_note(None).as_note() == {}
    assert TrainingProgress(baselines={}).as_note() == {"baselines": {}}


def test_progress_writes_eta_with_a_phase_when_unknown():
    note = {"phase": "reading ratings", "eta_seconds": None}

    assert TrainingProgress.from_note(note).as_note() == note
    assert TrainingProgress(phase="evaluating").as_note() == {
        "phase": "evaluating",
        "eta_seconds": None,
    }


def test_progress_ignores_facts_of_other_releases():
    assert TrainingProgress.from_note({"epoch": 1, "mood": "good"}).as_note() == {"epoch": 1}


def test_progress_of_a_job_prefers_its_result():
    job = Job(progress_note=NOTE, result={"best_epoch": 11, "baselines": {}})

    progress = TrainingProgress.from_job(job)

    assert (progress.best_epoch, progress.baselines, progress.epoch) == (11, {}, 12)
