"""Where a pipeline runs, behind one small protocol that the adapter drives."""
