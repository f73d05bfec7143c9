"""The objects that a pipeline consists of in a cluster, as plain values."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

from ipa.cluster.kinds import Object
from ipa.cluster.names import (
    API_VERSION,
    GATEWAY,
    GROUP,
    KIND,
    REPLICA,
    dns_name,
    gateway_name,
    labels,
    replica_set_name,
)
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import StagePlan
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes import containers
from ipa.platforms.kubernetes.serving_settings import ClusterServing
from ipa.platforms.local.replica_settings import replica_settings
from ipa.serving.gateway.settings import ServedPipeline
from ipa.serving.pod.settings import encode

IDLE_SINCE = f"{GROUP}/idle-since"
"""Annotation of replicas that serve no more: since when, in seconds since the epoch; empty: they serve."""

KEPT_REVISIONS = 2

Objects = tuple[Object, ...]
"""A ConfigMap, where settings of IPA are read, a Service and a Deployment, in this order."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The object InferencePipeline to which everything belongs: what it owns goes when it goes.

    Parameters
    ----------
    name, namespace, uid
        Its name, where it is, and its identity.
    """

    name: str
    namespace: str
    uid: str

    def reference(self) -> Object:
        """Return what is written into the objects that it owns."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


@dataclass(frozen=True, slots=True)
class ServedBy:
    """The replicas of one variant of a stage on its cores: one Deployment and one Service.

    Parameters
    ----------
    stage, variant, cores
        What they serve, and on how many cores each.
    """

    stage: str
    variant: str
    cores: int

    @classmethod
    def of(cls, plan: StagePlan) -> "ServedBy":
        """Return the replicas that a plan of a stage asks for."""
        return cls(plan.stage, plan.variant, plan.cores)

    def name(self, owner: str) -> str:
        """Return the name of their Deployment and of their Service."""
        return replica_set_name(owner, self.stage, self.variant, self.cores)


@dataclass(frozen=True)
class PipelineObjects:
    """Makes the objects of a pipeline.

    Parameters
    ----------
    owner
        To which they belong.
    pipeline
        What is served.
    settings
        How it is served.
    conditions
        Age limits and seed.
    """

    owner: Owner
    pipeline: Pipeline
    settings: ClusterServing
    conditions: Conditions
    _known: dict[ServedBy, Objects] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def gateway(self) -> Objects:
        """ConfigMap, Service and Deployment of the gateway; they must not be changed."""
        name, marks = gateway_name(self.owner.name), labels(self.owner.name, GATEWAY)
        config = self._config((name,), marks, encode(self._served()))
        pod = containers.gateway_pod(self.settings, self.owner.name, config["metadata"]["name"])
        service = self._service(name, marks) | {"spec": _service_spec(marks, headless=False)}
        return config, service, self._deployment(name, marks, pod, self.settings.gateway_shards)

    def replicas(self, plan: StagePlan) -> Objects:
        """Return what the replicas that a plan of a stage asks for consist of; nothing if they run already.

        They must not be changed: what is asked for again and again is made once.

        Raises
        ------
        IpaError
            If the pipeline has no such variant, or no profile of it on these cores.
        """
        if self.runs_already(plan):
            return ()
        served = ServedBy.of(plan)
        if served not in self._known:
            self._known[served] = self._replicas(plan, served)
        *others, deployment = self._known[served]
        spec = deployment["spec"] | {"replicas": plan.replicas}
        return *others, deployment | {"spec": spec}

    def runs_already(self, plan: StagePlan) -> bool:
        """Whether what a plan of a stage asks for is served by a server that runs outside, not by pods."""
        server = self.pipeline.stage(plan.stage).variant(plan.variant).server
        return server is not None and bool(server.address)

    def _replicas(self, plan: StagePlan, served: ServedBy) -> Objects:
        name = served.name(self.owner.name)
        marks = labels(
            self.owner.name, REPLICA, stage=served.stage, variant=served.variant, cores=served.cores
        )
        variant = self.pipeline.stage(plan.stage).variant(plan.variant)
        configs = [] if variant.server is not None else [self._replica_config(served, marks)]
        config = configs[0]["metadata"]["name"] if configs else ""
        pod = containers.replica_pod(self.settings, variant, plan.stage, plan.cores, config)
        # No address of its own: the gateway goes to each replica directly.
        service = self._service(name, marks) | {"spec": _service_spec(marks, headless=True)}
        deployment = self._deployment(name, marks, pod, plan.replicas)
        deployment["metadata"]["annotations"] = {IDLE_SINCE: ""}
        return *configs, service, deployment

    def _replica_config(self, served: ServedBy, marks: dict[str, str]) -> Object:
        """Return what the replicas of a variant are told that servers of IPA serve."""
        place = [stage.name for stage in self.pipeline.stages].index(served.stage)
        told = replica_settings(
            self.pipeline, place, served.variant, served.cores, self.settings, seed=self.conditions.seed
        )
        variant = self.pipeline.stages[place].variant(served.variant)
        told = replace(told, hang_after_s=containers.longest_batch_s(self.settings, variant, served.cores))
        parts = self.owner.name, served.stage, served.variant, f"{served.cores}c"
        return self._config(parts, marks, encode(told))

    def _served(self) -> ServedPipeline:
        settings, conditions = self.settings, self.conditions
        stages = len(self.pipeline.stages)
        return ServedPipeline(
            # Emulated variants answer with digests, which no task would take.
            pipeline=self.pipeline.without_tasks() if settings.source == "emulated" else self.pipeline,
            model=self.pipeline.name,
            drop_after_s=conditions.stage_drop_after_s or (conditions.drop_after_s,) * stages,
            queue_limit=settings.queue_limit,
            seed=conditions.seed,
            hang_after_s=settings.hang_after_s,
        )

    def _about(self, name: str, marks: dict[str, str]) -> Object:
        return {
            "name": name,
            "namespace": self.owner.namespace,
            "labels": marks,
            "ownerReferences": [self.owner.reference()],
        }

    def _config(self, parts: tuple[str, ...], marks: dict[str, str], settings: str) -> Object:
        """Return settings under a name that tells their content: other settings are another object."""
        digest = hashlib.sha256(settings.encode()).hexdigest()[:10]
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self._about(dns_name(*parts, f"v{digest}"), marks),
            "immutable": True,
            "data": {containers.SETTINGS_KEY: settings},
        }

    def _service(self, name: str, marks: dict[str, str]) -> Object:
        return {"apiVersion": "v1", "kind": "Service", "metadata": self._about(name, marks)}

    def _deployment(self, name: str, marks: dict[str, str], pod: containers.Spec, replicas: int) -> Object:
        spread = {"topologySpreadConstraints": containers.spread_over_nodes(marks)}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self._about(name, marks),
            "spec": {
                "replicas": replicas,
                "revisionHistoryLimit": KEPT_REVISIONS,
                "selector": {"matchLabels": marks},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {"metadata": {"labels": marks}, "spec": pod | spread},
            },
        }


def _service_spec(marks: dict[str, str], *, headless: bool) -> Object:
    ports = [
        {"name": "grpc", "port": containers.GRPC_PORT, "targetPort": containers.GRPC_PORT, "protocol": "TCP"}
    ]
    if headless:
        return {"clusterIP": "None", "selector": marks, "ports": ports}
    rest = {
        "name": "http",
        "port": containers.HTTP_PORT,
        "targetPort": containers.HTTP_PORT,
        "protocol": "TCP",
    }
    return {"type": "ClusterIP", "selector": marks, "ports": [rest, *ports]}
