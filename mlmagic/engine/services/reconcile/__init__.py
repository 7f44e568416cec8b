"""Brings a service from what it is to what its owner wants, one step at a time.

planner      which step is next: a pure function of the record
decisions    what a step makes of what it saw: pure functions of record and observation
launcher     stages a revision, builds what it needs, and launches it
reconciler   does the step: calls targets and services, and records the decision
health       what a supervisor remembers of a service between steps
pace         seconds until the next step
"""
