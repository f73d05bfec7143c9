"""What runs inside a model server: a runtime that waits, one that computes, and the tasks it can do."""
