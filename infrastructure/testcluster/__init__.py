"""A real Kubernetes on one Debian machine, for tests: one or two nodes, no registry, nothing left behind."""
