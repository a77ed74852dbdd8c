"""Random programs against the actor runtime, in virtual time, the same for the same seed.

`plan` says what a program is, `generate` makes one of a seed, `world` runs it and writes down what happened, `checks`
holds that against what the runtime promises. `python -m tests.actors.runtime.programs SEED` shows one.
"""
