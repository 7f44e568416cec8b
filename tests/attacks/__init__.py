"""Attacks on mlmagic, seeded and bounded in time: `bash tests/torture` runs all of them.

Each attack tries something bad many times, and checks after each time, or after some, that nothing
acknowledged was lost, that nothing false is recorded, and that the next command works.

interruptions   kills a process, or fails an operation, at a chosen change of the workspace
verbs           what is done meanwhile: register, deploy, update, stop, profile, package, batch, and so on
truth           what must hold afterwards
records         the same of profiles, packages and batch jobs
kills           interrupted verbs over SQLite and PostgreSQL
processes       the kernel, daemon, zygote and servers of a workspace on the target local
service_kills   kills of these, while clients score
random_verbs    random verbs in memory, against a plain model of what must hold
campaign        all attacks in their order
"""
