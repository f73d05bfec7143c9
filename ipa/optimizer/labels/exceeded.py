"""The signal that a search has used up its labels or its time."""


class LabelsExceededError(Exception):
    """The label budget or the deadline is used up."""
