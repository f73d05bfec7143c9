"""Talks to a Kubernetes cluster: names, a typed client, watches, and the object InferencePipeline."""
