"""The exact search: bounds, a good choice, and labels for what is left.

How it works
------------
A multiple-choice knapsack: one option per stage, one latency limit.

1. ``reduction``: options that another one beats are dropped; pricing the SLA gives an upper bound
   (``relaxation``); pairwise changes give a good choice (``improve``).
2. ``labels``: whatever cannot beat that choice by the bound is never looked at; the rest is enumerated stage
   by stage. Nearly all problems end here, within milliseconds.
3. ``deepening``: where too many plans are worth nearly the same, the search starts at the bound and widens,
   with a tighter bound (``completion``) and two halves that meet in the middle (``halves``).

Invariants: what a step drops cannot be, or tie with, the best plan; a plan is called optimal only if every
plan that could be better was ruled out; the best plan known and an upper bound are there at any time.
"""
