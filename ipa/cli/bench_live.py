"""The commands of ``ipa bench`` that measure the live data plane."""

from dataclasses import asdict
from statistics import median
from typing import Annotated

import typer

from ipa import limits
from ipa.bench.load_generator import BAR_MS, RATES_RPS, bench_load
from ipa.bench.reconfigure import bench_reconfigure, cold_start_s
from ipa.bench.serving import BAR_RPS, BAR_STAGE_MS, bench_serving
from ipa.cli.kubernetes_options import (
    PLATFORM,
    ContextOption,
    ImageOption,
    KubeconfigOption,
    NamespaceOption,
    PullPolicyOption,
    ShardsOption,
    given_settings,
    settings_of,
)
from ipa.cli.messages import messages
from ipa.cli.options import JsonOption, SeedOption, within
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.errors import UnknownNameError
from ipa.paths import stored_results_dir
from ipa.results.json_files import write_json
from ipa.results.provenance import environment, machine


def load_command(
    rate_rps: Annotated[
        list[int] | None,
        typer.Option("--rate", help="Requests per second, 100 and 500 by default; repeatable."),
    ] = None,
    seconds: Annotated[
        int, typer.Option(callback=within(limits.DURATION_S), help="How long each load lasts.")
    ] = 10,
    seed: SeedOption = 0,
    store: Annotated[bool, typer.Option("--store", help="Keep the figures in results/stored/live.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how late the load generator sends, with the model server on the same cores.

    \b
    Examples:
      ipa bench load
      ipa bench load --rate 1000 --seconds 30
      ipa bench load --seconds 60 --store
    """
    for rate in rate_rps or ():
        limits.LOAD_RATE_RPS.check("--rate", rate)
    with messages.status("starting a model server") as status:
        rows = bench_load(rate_rps or RATES_RPS, seconds, seed, lambda what: status.update(f"sending {what}"))
    figures = {
        "environment": environment(),
        "machine": machine(),
        "rows": rows.to_dict("records"),
    }
    if store:
        write_json(stored_results_dir() / "live" / "load-generator.json", figures)
    if as_json:
        print_json(figures)
        return
    print_table(rows)
    messages.print(
        f"aim: 99 % of the requests sent within {BAR_MS:g} ms of when they are due, at 500 requests/s;"
        f" on {environment()['cpu']}, Python {environment()['python']}",
        highlight=False,
    )


def serving_command(
    requests: Annotated[
        int, typer.Option(callback=within(limits.REPETITIONS), help="Calls per measurement.")
    ] = 2000,
    repeats: Annotated[
        int, typer.Option(callback=within(limits.REPETITIONS), help="Measurements; medians are over them.")
    ] = 3,
    as_json: JsonOption = False,
) -> None:
    """Measure what the gateway takes per stage and carries, beside a model server called directly.

    The models take no time, so all that is measured is the way to them. Latencies are those of one caller,
    requests per second those of 32 callers; cpu_ms is what the called process computed per request.

    \b
    Examples:
      ipa bench serving
      ipa bench serving --requests 500 --repeats 1
    """
    with messages.status("starting model servers and a gateway") as status:
        rows = bench_serving(requests, repeats, lambda what: status.update(f"calling {what}"))
    if as_json:
        print_json({"environment": environment(), "rows": rows.to_dict("records")})
        return
    print_table(rows.round(3))
    messages.print(
        f"aims: at most {BAR_STAGE_MS:g} ms per stage (median), at least {BAR_RPS} requests/s through two"
        f" stages on two cores; on {environment()['cpu']}, Python {environment()['python']}",
        highlight=False,
    )


def reconfigure_command(
    reconfigurations: Annotated[
        int, typer.Option("--count", callback=within(limits.REPETITIONS), help="Reconfigurations.")
    ] = 100,
    rate_rps: Annotated[
        float, typer.Option("--rate", callback=within(limits.LOAD_RATE_RPS), help="Requests per second.")
    ] = 50.0,
    every_s: Annotated[
        float | None,
        typer.Option(
            "--every",
            callback=within(limits.INTERVAL_S),
            help="Seconds between two; 1 on this machine, 10 in a cluster.",
        ),
    ] = None,
    seed: SeedOption = 0,
    platform: Annotated[str, typer.Option("--platform", help="What serves: local or kubernetes.")] = "local",
    namespace: NamespaceOption = None,
    image: ImageOption = None,
    pull_policy: PullPolicyOption = None,
    context: ContextOption = None,
    kubeconfig: KubeconfigOption = None,
    shards: ShardsOption = None,
    store: Annotated[bool, typer.Option("--store", help="Keep the figures in results/stored/live.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure what changes of batch, replicas and variant under load cost: requests, gaps, time.

    Exits with 1 if a request is lost, answered twice or wrongly, dropped, or fails.

    \b
    Examples:
      ipa bench reconfigure
      ipa bench reconfigure --count 20 --rate 100
      ipa bench reconfigure --store
      ipa bench reconfigure --platform kubernetes --count 20 --namespace demo
    """
    if platform not in ("local", PLATFORM):
        raise UnknownNameError("platform that is reconfigured", platform, ("local", PLATFORM))
    given = given_settings(
        namespace=namespace,
        image=image,
        pull_policy=pull_policy,
        context=context,
        kubeconfig=kubeconfig,
        models_claim=None,
        shards=shards,
    )
    cluster = settings_of(platform, given)
    with progress_bar("reconfigurations") as show:
        found = bench_reconfigure(
            reconfigurations,
            rate_rps,
            every_s or (1.0 if cluster is None else 10.0),
            seed,
            lambda done, total: show(done, total, ""),
            cluster,
        )
    cold_s = cold_start_s() if cluster is None else []
    told = {name: value for name, value in asdict(found).items() if value is not None}
    times, counts = found.times(), {name: value for name, value in told.items() if name != "switches"}
    figures = {
        "environment": environment(),
        "machine": machine(),
        **counts,
        "switches": times.to_dict("records"),
        **({"cold_start_s": cold_s} if cold_s else {}),
    }
    if store:
        name = "reconfigure.json" if cluster is None else "reconfigure-kubernetes.json"
        write_json(stored_results_dir() / "live" / name, figures)
    if as_json:
        print_json(figures)
    else:
        print_table([{"measure": name.replace("_", " "), "value": value} for name, value in counts.items()])
        print_table(times, title="milliseconds from the request for a change until all of it serves")
        if cold_s:
            messages.print(f"a replica in a new interpreter: {median(cold_s):.2f} s", highlight=False)
        messages.print(f"on {environment()['cpu']}, Python {environment()['python']}", highlight=False)
    if len(found.switches) < reconfigurations:
        messages.print(
            f"only {len(found.switches)} of {reconfigurations} reconfigurations were made before the load was"
            " over: they took longer than their turn; give a longer one with --every",
            highlight=False,
        )
    if any(counts[name] for name in ("lost", "duplicated", "failed", "dropped", "wrong")):
        raise typer.Exit(1)
