"""How figures call the places where a pipeline ran live."""

ON_ONE_MACHINE, IN_A_CLUSTER = "on one machine", "in a cluster"


def places(platform: str) -> tuple[str, str]:
    """Return how to call the place of the runs that a notebook shows, and that of those beside them.

    Parameters
    ----------
    platform
        Of the runs; those that are ``stored`` are of one machine.
    """
    found = ON_ONE_MACHINE, IN_A_CLUSTER
    return (found[1], found[0]) if platform == "kubernetes" else found
