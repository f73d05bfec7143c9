"""Replicas and gateways of a pipeline as pods of a Kubernetes cluster.

``python -m ipa.serving.pod replica|gateway --settings FILE`` is what their containers run. A gateway of the
cluster is the one of ``ipa.serving.gateway``; nobody tells it its plan: it watches the pipeline's object for
what shall serve, and the EndpointSlices of the replicas' Services for where.
"""
