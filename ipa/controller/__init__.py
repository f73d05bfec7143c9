"""The controller: adapts all InferencePipelines of a cluster, each by an adapter of its own."""
