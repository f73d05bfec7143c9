"""The profiler: batch after batch against one replica, until its p99 is known well enough.

:func:`~ipa.profiler.profile.profile_pipeline` measures the variants of a pipeline on a
:class:`~ipa.profiler.host.ReplicaHost`, point by point, and writes a profile and a pipeline file that every
other command takes. How long a point is measured is in ``ipa.profiler.precision``, what a point is in
``ipa.profiler.point``, and what follows from all of them (fit, base allocation, SLA) in
``ipa.profiler.allocation``.
"""
