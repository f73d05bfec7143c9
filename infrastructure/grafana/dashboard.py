"""The dashboard of IPA for Grafana: one table of panels, written as the JSON that Grafana reads.

    python -m infrastructure.render     # writes dashboards/ipa.json

Forecasts and decisions are there once a controller adapts the pipeline; all else comes from gateways.
"""

from dataclasses import dataclass
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${source}"}
OF = '{namespace=~"$namespace", pipeline=~"$pipeline"}'
WIDTH = 24
"""Columns of Grafana's grid."""


@dataclass(frozen=True, slots=True)
class Query:
    """A line, or lines, of a panel.

    Parameters
    ----------
    expression
        In PromQL.
    legend
        What Grafana calls each; names of labels in double braces.
    """

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture.

    Parameters
    ----------
    title, unit
        Above it, and what its values are (a name of Grafana's units).
    queries
        What it shows.
    kind
        A type of Grafana's panels.
    width, height
        In columns and rows of the grid.
    stacked
        Whether lines lie on one another.
    says
        What to know about it.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    says: str = ""


def _number(title: str, unit: str, expression: str) -> Panel:
    return Panel(title, unit, (Query(expression),), kind="stat", width=4, height=4)


RUNNING = (
    f"sum by (namespace, pipeline, pod, instance, stage) (ipa_replicas{{state=~'ready|busy', {OF[1:-1]}}})"
    " * on (namespace, pipeline, pod, instance, stage) group_left (variant)"
    f" max by (namespace, pipeline, pod, instance, stage, variant) (ipa_plan_info{OF})"
)
"""Replicas of every stage and the variant that serves there, per shard of the gateway."""

PANELS = (
    _number("Arrivals", "reqps", f"sum(ipa:arrivals:rate10s{OF})"),
    _number("Not within the SLA, last minute", "percentunit", f"max(ipa:violations:ratio1m{OF})"),
    _number("p99", "s", f"max(ipa:latency_seconds:p99_1m{OF})"),
    _number("Cores", "none", f"sum(ipa:cores:serving{OF})"),
    _number("PAS", "none", f"min(ipa_plan_pas{OF})"),
    _number("In flight", "none", f"sum(ipa_requests_in_flight{OF})"),
    Panel(
        "Load and forecast",
        "reqps",
        (
            Query(f"sum by (namespace, pipeline) (ipa:arrivals:rate10s{OF})", "{{pipeline}} arrivals"),
            Query(
                f"sum by (namespace, pipeline) (ipa_controller_forecast_rps{OF})", "{{pipeline}} planned for"
            ),
        ),
        says="What arrives, and the rate that the plan in force was made for.",
    ),
    Panel(
        "Cost",
        "none",
        (
            Query(f"ipa:cores:serving{OF}", "{{pipeline}} cores that serve"),
            Query(f"sum by (namespace, pipeline) (ipa_controller_plan_cores{OF})", "{{pipeline}} decided"),
            Query(f"sum by (namespace, pipeline) (ipa_controller_limit_cores{OF})", "{{pipeline}} limit"),
        ),
        says="Cores of all replicas. During a switch old and new ones are there.",
    ),
    Panel(
        "Accuracy (PAS)",
        "none",
        (Query(f"min by (namespace, pipeline) (ipa_plan_pas{OF})", "{{pipeline}}"),),
        says="Pipeline accuracy score of the plan in force: the product of the accuracies of its variants.",
    ),
    Panel(
        "Requests not answered within the SLA",
        "percentunit",
        (Query(f"ipa:violations:ratio1m{OF}", "{{pipeline}}, last minute"),),
        says="Late, dropped and failed ones, of all that ended.",
    ),
    Panel(
        "How requests end",
        "reqps",
        (
            Query(
                f"sum by (outcome, reason) (rate(ipa_requests_ended_total{OF}[$__rate_interval]))",
                "{{outcome}} {{reason}}",
            ),
        ),
        stacked=True,
    ),
    Panel(
        "Latency",
        "s",
        (
            *(
                Query(
                    f"histogram_quantile({share}, sum by (le)"
                    f" (rate(ipa_request_latency_seconds_bucket{OF}[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ),
            Query(f"max(ipa_sla_seconds{OF})", "SLA"),
        ),
    ),
    Panel(
        "Replicas per variant",
        "none",
        (Query(f"sum by (stage, variant) ({RUNNING})", "{{stage}}: {{variant}}"),),
        stacked=True,
    ),
    Panel(
        "Replicas that do not serve",
        "none",
        (
            Query(
                f"sum by (stage, state) (ipa_replicas{{state=~'draining|suspect', {OF[1:-1]}}})",
                "{{stage}}: {{state}}",
            ),
        ),
    ),
    Panel(
        "Queues", "none", (Query(f"sum by (stage) (ipa_stage_queue_length{OF})", "{{stage}}"),), stacked=True
    ),
    Panel(
        "Latencies over time",
        "s",
        (
            Query(
                f"sum by (le) (increase(ipa_request_latency_seconds_bucket{OF}[$__rate_interval]))", "{{le}}"
            ),
        ),
        kind="heatmap",
        width=12,
        says="How many requests were answered within each band of time.",
    ),
    Panel(
        "Where time goes in each stage",
        "s",
        tuple(
            Query(
                f"sum by (stage) (rate(ipa_stage_{part}_seconds_sum{OF}[$__rate_interval]))"
                f" / sum by (stage) (rate(ipa_stage_{part}_seconds_count{OF}[$__rate_interval]))",
                f"{{{{stage}}}}: {name}",
            )
            for part, name in (
                ("queue", "no replica free"),
                ("batch_wait", "batch not full"),
                ("service", "served"),
            )
        ),
        width=12,
        stacked=True,
    ),
    Panel(
        "Batches",
        "none",
        (
            Query(
                f"sum by (stage) (rate(ipa_stage_batch_size_sum{OF}[$__rate_interval]))"
                f" / sum by (stage) (rate(ipa_stage_batch_size_count{OF}[$__rate_interval]))",
                "{{stage}}: filled",
            ),
        ),
        says="Requests per batch that was sent, on average.",
    ),
    Panel(
        "Decisions",
        "none",
        (
            Query(
                f"sum by (action) (increase(ipa_controller_decisions_total{OF}[1m]))",
                "{{action}}",
            ),
        ),
        stacked=True,
        says="Steps of the adapter in the last minute, by what they did.",
    ),
    Panel(
        "Who answers Prometheus",
        "none",
        (Query('sum by (job) (up{job=~"ipa-gateway|ipa-replica|ipa-controller"})', "{{job}}"),),
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": "ipa",
        "title": "IPA: inference pipelines",
        "tags": ["ipa"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timepicker": {"refresh_intervals": ["1s", "5s", "30s", "1m"]},
        "templating": {"list": _variables()},
        "panels": _placed(),
    }


def _variables() -> list[dict[str, Any]]:
    names = {
        "namespace": "ipa_requests_arrived_total",
        "pipeline": 'ipa_requests_arrived_total{namespace=~"$namespace"}',
    }
    return [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        *(
            {
                "name": name,
                "type": "query",
                "datasource": SOURCE,
                "query": {"query": f"label_values({metric}, {name})", "refId": name},
                "refresh": 2,
                "includeAll": True,
                "allValue": ".*",
                "current": {"text": "All", "value": "$__all"},
            }
            for name, metric in names.items()
        ),
    ]


def _placed() -> list[dict[str, Any]]:
    """Return the panels, from left to right and from above to below."""
    placed, x, y = [], 0, 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > WIDTH:
            x, y = 0, y + PANELS[number - 2].height
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        placed.append({"id": number, "gridPos": place, **_drawn(panel)})
        x += panel.width
    return placed


def _drawn(panel: Panel) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": {}}, "overrides": []},
        "targets": [_target(place, query, panel) for place, query in enumerate(panel.queries)],
    }
    if panel.says:
        drawn["description"] = panel.says
    if panel.kind == "timeseries":
        drawn["fieldConfig"]["defaults"]["min"] = 0
        if panel.stacked:
            drawn["fieldConfig"]["defaults"]["custom"] = {"stacking": {"mode": "normal"}, "fillOpacity": 30}
    if panel.kind == "heatmap":
        drawn["options"] = {"calculate": False, "yAxis": {"unit": panel.unit}, "color": {"scheme": "Viridis"}}
    return drawn


def _target(place: int, query: Query, panel: Panel) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + place),
        "datasource": SOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "instant": panel.kind == "stat",
        "range": panel.kind != "stat",
    }
