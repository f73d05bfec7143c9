"""Names of what the paper's runs were made of."""

PIPELINES = ("video", "audio-qa", "audio-sent", "sum-qa", "nlp")
WORKLOADS = ("bursty", "steady-low", "steady-high", "fluctuating")
METHODS = ("ipa", "fa2-low", "fa2-high", "rim")
EDITIONS = ("as-published", "as-published-v1", "corrected")
