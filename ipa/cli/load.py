"""``ipa load``: an open-loop load on any V2 endpoint, and what became of it."""

import re
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ipa import limits
from ipa.cli.messages import messages, tell
from ipa.cli.options import GapsOption, JsonOption, PerMinuteOption, SeedOption, TimestampsOption, TraceOption
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.cli.parse import assignments, load_format
from ipa.cli.serving_options import PayloadSettingOption
from ipa.errors import InvalidValueError, brief
from ipa.results.folder import REQUESTS, SUMMARY, write_requests
from ipa.results.json_files import write_json, writing
from ipa.results.requests import RequestRecords
from ipa.serving.load_generator import LoadReport, LoadSettings, read_account, records_of_answers
from ipa.serving.load_generator.settings import MOST_CONNECTIONS, TIMEOUT_S
from ipa.serving.payloads import PAYLOADS
from ipa.workload import arrival_times, load_workload

ACCOUNT = "account.parquet"
"""What the client saw and the servers said of every request, in the folder of a load."""

DEFAULT_DURATION_S = 10

EXIT_INTERRUPTED = 128 + signal.SIGINT

SHOWN = {
    "requests": "requests",
    "sent": "sent",
    "ok": "answered",
    "dropped": "dropped",
    "errors": "errors",
    "sent_again": "sent again",
    "seconds": "seconds until the last answer",
    "latency_mean_s": "latency mean, s",
    "latency_p50_s": "latency p50, s",
    "latency_p99_s": "latency p99, s",
    "latency_max_s": "longest latency, s",
    "lateness_p50_s": "lateness of the generator p50, s",
    "lateness_p99_s": "lateness of the generator p99, s",
    "lateness_max_s": "greatest lateness of the generator, s",
}
"""Numbers that the table shows, and how it calls them."""

AddressArgument = Annotated[
    str,
    typer.Argument(help="HOST:PORT of a gRPC door, or http://HOST:PORT of a REST door."),
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="Name of the model, or of the pipeline.")]
RateOption = Annotated[
    float | None, typer.Option("--rate", "-r", help="Requests per second, the same all the time.")
]
LoadOption = Annotated[
    str | None,
    typer.Option("--workload", "-w", help="Instead of a rate: a workload or a file, as for ipa run."),
]
DurationOption = Annotated[
    int | None, typer.Option("--duration", "-d", help="Seconds; 10 for a rate, all of a workload.")
]
ArrivalsOption = Annotated[str, typer.Option(help="Arrivals within a second: poisson, uniform, paper-burst.")]
PayloadOption = Annotated[
    str | None,
    typer.Option("--payload", help=f"{', '.join(PAYLOADS)}; by default what fits the model's inputs."),
]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Seconds after which a request is given up.")]
RetriesOption = Annotated[
    int,
    typer.Option(
        "--retries", min=0, help="How often a request is sent again, same id, that failed and may be."
    ),
]
ConnectionsOption = Annotated[
    int,
    typer.Option(
        "--connections", min=1, max=MOST_CONNECTIONS, help="Connections that requests take in turns."
    ),
]
FolderOption = Annotated[
    Path | None, typer.Option("--results", help="Folder for the account of every request.")
]


def load_command(
    address: AddressArgument,
    model: ModelOption,
    rate_rps: RateOption = None,
    workload: LoadOption = None,
    duration_s: DurationOption = None,
    timestamps: TimestampsOption = False,
    per_minute: PerMinuteOption = False,
    gaps: GapsOption = "refuse",
    trace: TraceOption = "auto",
    arrivals: ArrivalsOption = "poisson",
    payload: PayloadOption = None,
    payload_setting: PayloadSettingOption = None,
    timeout_s: TimeoutOption = TIMEOUT_S,
    retries: RetriesOption = 0,
    connections: ConnectionsOption = 1,
    seed: SeedOption = 0,
    results: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send an open-loop load to a V2 endpoint and account for every request.

    Every request goes out when it is due, whatever comes back, and its latency counts from then. How late the
    generator was itself is reported. Ctrl-C ends the sending and shows what there is.

    \b
    Examples:
      ipa load 127.0.0.1:8081 --model video --rate 50 --duration 30
      ipa load http://127.0.0.1:8080 -m my-model -w bursty --payload image --results results/load
    """
    if workload is None:
        times_s = _constant_rate(rate_rps, duration_s, arrivals, seed)
    elif rate_rps is not None:
        raise InvalidValueError("give either --rate or --workload")
    else:
        load = load_workload(
            workload,
            trace=trace,
            seed=seed,
            duration_s=duration_s,
            load_format=load_format(timestamps, per_minute),
            gaps=gaps,
        )
        times_s = arrival_times(load.rates_rps, arrivals, np.random.default_rng([seed, 1]))
    if not len(times_s):
        raise InvalidValueError(
            "this load has no request; raise --rate or --duration, or take another workload"
        )
    if payload is not None:
        PAYLOADS[payload]
    settings = LoadSettings(
        _checked_address(address),
        model,
        times_s,
        output=results / ACCOUNT if results else None,
        timeout_s=timeout_s,
        payload=payload or "",
        payload_settings=assignments("--payload-setting", payload_setting or ()),
        seed=seed,
        retries=retries,
        connections=connections,
    )
    _run(settings, as_json=as_json)


def _run(settings: LoadSettings, *, as_json: bool) -> None:
    """Send a load and show what came of it."""
    from tempfile import TemporaryDirectory

    from ipa.serving.load_generator.child import generate_in_child

    if settings.output is not None:
        with writing(settings.output.parent):
            settings.output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="ipa-load-") as folder:
        output = settings.output or Path(folder) / ACCOUNT
        with progress_bar("sending") as show:
            report = generate_in_child(
                _to(settings, output), lambda done, total: show(done, total, "requests")
            )
        records = records_of_answers(read_account(output))
    if settings.output is not None:
        write_requests(output.with_name(REQUESTS), records.to_frame())
        write_json(output.with_name(SUMMARY), _summary(settings, report))
    if as_json:
        print_json(_summary(settings, report))
    else:
        _print(report, records)
        if settings.output is not None:
            typer.echo(f"\n{output.parent}")
    if report.requests < len(settings.arrivals_s):
        messages.print(f"interrupted: {report.requests} of {len(settings.arrivals_s)} requests were sent")
        raise typer.Exit(EXIT_INTERRUPTED)
    if report.warning:
        tell(f"warning: {report.warning}")


def _to(settings: LoadSettings, output: Path) -> LoadSettings:
    return replace(settings, output=output)


def _summary(settings: LoadSettings, report: LoadReport) -> dict[str, Any]:
    return {
        "address": settings.address,
        "model": settings.model,
        "payload": settings.payload,
        "seed": settings.seed,
        **asdict(report),
    }


def _print(report: LoadReport, records: RequestRecords) -> None:
    rows: list[dict[str, Any]] = []
    for key, label in SHOWN.items():
        rows.append({"measure": label, "value": getattr(report, key)})
        if key == "errors":
            rows += [
                {"measure": f"of them {reason}", "value": count} for reason, count in report.reasons.items()
            ]
    if report.judged:
        rows.append({"measure": "share of right answers", "value": report.right / report.judged})
    print_table(rows)
    if records.stages:
        typer.echo("")
        print_table([_stage_row(stage) for stage in records.stages], title="means over answered requests")


def _stage_row(stage: Any) -> dict[str, Any]:
    served = stage.batch > 0
    counts = {name: int((stage.variant == code).sum()) for code, name in enumerate(stage.variants)}
    if not served.any():
        return {"stage": stage.stage}
    return {
        "stage": stage.stage,
        "queue_s": float(np.mean(stage.queue_s[served])),
        "batch_wait_s": float(np.mean(stage.batch_wait_s[served])),
        "service_s": float(np.mean(stage.service_s[served])),
        "batch": float(np.mean(stage.batch[served])),
        "served_by": ", ".join(f"{name} {count}" for name, count in counts.items() if count),
    }


def _constant_rate(
    rate_rps: float | None, duration_s: int | None, arrivals: str, seed: int
) -> NDArray[np.float64]:
    if rate_rps is None:
        raise InvalidValueError("give a load: --rate 20 --duration 30, or --workload with a name or a file")
    limits.RATE_RPS.check("--rate", rate_rps)
    duration_s = limits.DURATION_S.check(
        "--duration", DEFAULT_DURATION_S if duration_s is None else duration_s
    )
    limits.REQUESTS.check("the requests of all seconds", round(rate_rps * duration_s))
    # Whole requests in each second; of a rate that is not whole the rest moves on to the next one.
    rates_rps = np.diff(np.floor(rate_rps * np.arange(duration_s + 1) + 1e-9)).astype(np.int64)
    return arrival_times(rates_rps, arrivals, np.random.default_rng([seed, 1]))


def _checked_address(address: str) -> str:
    port = re.fullmatch(r"[^\s/]+:([0-9]{1,5})", address)
    if address.startswith(("http://", "https://")) or (port and 0 < int(port[1]) < 65536):
        return address
    raise InvalidValueError(
        f"{brief(address)!r} is no address; give HOST:PORT of a gRPC door, as 127.0.0.1:8081, or the"
        " http://HOST:PORT of a REST door"
    )
