"""``ipa forecast``: train the load forecasters and measure them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import typer

from ipa import limits
from ipa.cli.options import DEFAULT_RESULTS, JobsOption, JsonOption, ResultsOption, within
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.cli.stored import run_shown, say_stored
from ipa.errors import InvalidValueError, ResultsError, TraceError
from ipa.experiments.finished import summaries
from ipa.forecast import ForecastContext, make_forecaster
from ipa.forecast.dataset import Rates
from ipa.forecast.networks.lstm_training import LSTM_SETTINGS, train_lstm
from ipa.forecast.networks.mlp_training import MLP_SETTINGS, train_mlp
from ipa.forecast.networks.training import Progress, TrainingSettings, Weights, load_torch
from ipa.forecast.networks.weights import NetworkRecord, save_weights, weights_path
from ipa.results.folder import KEPT_MEASURES
from ipa.results.intervals import SEEDS
from ipa.studies.flapping import FLAPPING, flapping_specs, flapping_table, format_flapping
from ipa.studies.forecast_baselines import BASELINES, FORECASTS, baseline_table
from ipa.studies.forecast_errors import (
    EVALUATED,
    TEST_WEEK,
    evaluation_series,
    score_table,
    scoring_table,
    store_table,
    stored_table,
    window_table,
)
from ipa.studies.forecasters import QUANTILES, REFERENCES, closed_loop_specs, closed_loop_table
from ipa.workload import PAPER_WORKLOADS, describe_trace, find_trace, load_trace, load_workload

app = typer.Typer(help="Train the load forecasters, or measure them.", no_args_is_help=True)

Trainer = Callable[[Rates, str, TrainingSettings, Progress], tuple[Weights, NetworkRecord]]

TRAINERS: dict[str, tuple[TrainingSettings, Trainer]] = {
    "lstm": (
        LSTM_SETTINGS,
        lambda rates, digest, how, show: train_lstm(rates, trace_sha256=digest, settings=how, progress=show),
    ),
    "mlp": (
        MLP_SETTINGS,
        lambda rates, digest, how, show: train_mlp(rates, trace_sha256=digest, settings=how, progress=show),
    ),
}


@app.command("train")
def train_command(
    model: Annotated[
        Literal["lstm", "mlp"],
        typer.Option(help="The paper's LSTM, or the network behind mlp and quantile-LEVEL."),
    ] = "lstm",
    epochs: Annotated[
        int | None, typer.Option(callback=within(limits.REPETITIONS), help="Passes over the training days.")
    ] = None,
    seed: Annotated[
        int, typer.Option(callback=within(limits.SEED), help="Seed of starting weights and order of samples.")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option(help="File for the weights (.npz); by default MODEL.npz in this folder."),
    ] = None,
    replace_committed: Annotated[
        bool, typer.Option("--replace", help="Replace the committed weights, which every run uses.")
    ] = False,
) -> None:
    """Train on the first 14 days of the real trace; needs PyTorch (the extra lstm).

    The record of the training is written beside the weights, as JSON. The same seed gives the same weights
    bit for bit on the same machine only.

    \b
    Examples:
      ipa forecast train --model lstm --seed 1 --output lstm-1.npz
      ipa forecast train --model mlp --replace
    """
    if output and replace_committed:
        raise InvalidValueError("give either --output or --replace")
    load_torch()
    trace = _trace()
    settings, train = TRAINERS[model]
    settings = replace(settings, epochs=epochs or settings.epochs, seed=seed)
    with progress_bar(f"training {model}") as show:
        weights, record = train(load_trace(trace), describe_trace(trace).text_sha256, settings, show)
    target = weights_path(model) if replace_committed else output or Path(f"{model}.npz")
    path = target.with_suffix(".npz")
    save_weights(path, weights, record)
    typer.echo(f"{path}: {record.n_samples} samples, loss {record.losses[-1]:.5f}, {record.wall_s} s")


@app.command("evaluate")
def evaluate_command(
    forecaster: Annotated[
        list[str] | None, typer.Option("--forecaster", "-f", help="Only these; can be given several times.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure now; needs the real trace and takes about two minutes.")
    ] = False,
    store: Annotated[
        bool, typer.Option("--store", help="Measure now and keep the tables in results/stored/.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how good every forecaster is on the last 7 days of the trace and on the paper's four excerpts.

    \b
    Examples:
      ipa forecast evaluate
      ipa forecast evaluate --fresh -f lstm -f quantile-0.8
    """
    if store and forecaster:
        raise InvalidValueError("--store keeps the scores of all forecasters; leave --forecaster out")
    names = list(forecaster or EVALUATED)
    for name in names:
        make_forecaster(name, ForecastContext(np.zeros(1, dtype=np.int64)))
    if fresh or store:
        trace = _trace()
        excerpts = {name: load_workload(name, trace="real").rates_rps for name in PAPER_WORKLOADS}
        series = evaluation_series(load_trace(trace, published=True), excerpts)
        with progress_bar("forecasts") as show:
            scores = score_table(series, names, show)
        if store:
            tables = {
                "scores": scores,
                "scoring": scoring_table(excerpts),
                "windows": window_table(series[TEST_WEEK]),
            }
            for what, frame in tables.items():
                say_stored(store_table(frame, what))
    else:
        scores = _stored_scores(names)
    if as_json:
        print_json(scores.to_dict("records"))
        return
    for measured, rows in scores.groupby("series", sort=False):
        print_table(rows.drop(columns="series"), title=str(measured))
        typer.echo("")


def _stored_scores(names: Sequence[str]) -> pd.DataFrame:
    scores = stored_table("scores")
    absent = [name for name in names if name not in set(scores["forecaster"])]
    if absent:
        raise ResultsError(
            f"there are no stored scores of {', '.join(absent)}; measure with --fresh (needs the real trace)"
        )
    return scores[scores["forecaster"].isin(names)]


@app.command("baselines")
def baselines_command(
    store: Annotated[
        bool, typer.Option("--store", help="Measure now and keep the table in results/stored/.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure now; needs the real trace and takes some minutes.")
    ] = False,
    forecasts: Annotated[
        int, typer.Option(callback=within(limits.REPETITIONS), help="Moments of the test week.")
    ] = FORECASTS,
    as_json: JsonOption = False,
) -> None:
    """Show our forecasters beside LightGBM, ARIMA, ETS and Prophet (extra forecast-baselines).

    \b
    Examples:
      ipa forecast baselines
      IPA_TRACE=twitter_trace.txt.xz ipa forecast baselines --fresh --forecasts 50
    """
    if fresh or store:
        with progress_bar("forecasters") as show:
            table = baseline_table(load_trace(_trace(), published=True), forecasts, show)
        if store:
            missing = sorted(set(table["missing"]) - {""})
            if missing:
                raise ResultsError(f"nothing is stored: {missing[0]}")
            say_stored(store_table(table.drop(columns="missing"), BASELINES))
    else:
        table = stored_table(BASELINES)
    if as_json:
        print_json(table.to_dict("records"))
        return
    print_table(table)


@app.command("compare")
def compare_command(
    store: Annotated[
        bool,
        typer.Option("--store", help="Run now on the real trace; keep the table in results/stored/."),
    ] = False,
    jobs: JobsOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Show cost and SLA violations of whole simulated runs under each forecaster.

    The edition as-published-v1 under the bursty load is figure 16; the edition corrected, without the
    published margins, is the mean of the four loads. Five seeds each, with 95 % confidence intervals.

    \b
    Examples:
      ipa forecast compare
      IPA_TRACE=twitter_trace.txt.xz ipa forecast compare --store
    """
    if store:
        _trace()
        table = _closed_loop(results, jobs)
        say_stored(store_table(table, "closed-loop"))
    else:
        table = stored_table("closed-loop")
    if as_json:
        print_json(table.to_dict("records"))
        return
    for edition, rows in table.groupby("edition", sort=False):
        print_table(rows.drop(columns=["edition", "trace"]), title=str(edition))
        typer.echo("")


def _closed_loop(results: Path, jobs: int | None) -> pd.DataFrame:
    specs = [
        *closed_loop_specs(
            "as-published-v1", ("bursty",), (*REFERENCES, *QUANTILES), seeds=range(SEEDS), trace="real"
        ),
        *closed_loop_specs(
            "corrected", PAPER_WORKLOADS, (*REFERENCES, *QUANTILES), seeds=range(SEEDS), trace="real"
        ),
    ]
    run_shown(specs, results, jobs, KEPT_MEASURES)
    return closed_loop_table(summaries(specs, results))


@app.command("flapping")
def flapping_command(
    store: Annotated[
        bool, typer.Option("--store", help="Run now; keep the table in results/stored/.")
    ] = False,
    jobs: JobsOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Show how often the plan changes under a load of constant mean, per forecaster and method.

    One hour each of Poisson arrivals at 5, 10, 20 and 30 requests per second, two seeds, edition corrected.
    The table is the mean over the rates; --json holds a row per pipeline and rate, as the stored file does.

    \b
    Examples:
      ipa forecast flapping
      ipa forecast flapping --store
      ipa run --workload poisson-5 --forecaster quantile-0.5 --duration 3600
    """
    if store:
        specs = flapping_specs()
        run_shown(specs, results, jobs, KEPT_MEASURES)
        table = flapping_table(summaries(specs, results))
        say_stored(store_table(table, FLAPPING))
    else:
        table = stored_table(FLAPPING)
    if as_json:
        print_json(table.to_dict("records"))
        return
    changed, means = format_flapping(table)
    print_table(changed, title="steps that change the plan, constant Poisson load, in percent")
    typer.echo("")
    print_table(means, title="means of all pipelines and rates")


def _trace() -> Path:
    trace = find_trace()
    if trace is None:
        raise TraceError(
            "this needs the real trace; get it with `ipa trace fetch`, or set IPA_TRACE to a copy of your own"
        )
    return trace
