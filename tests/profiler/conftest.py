"""A cluster for the tests that need one."""

from tests.support.cluster import cluster, namespace, pod_code

__all__ = ["cluster", "namespace", "pod_code"]
