"""A pipeline in a Kubernetes cluster: its objects, and what keeps them as a plan says."""
