"""A pipeline of real model servers on this machine: processes started, supervised and stopped."""
