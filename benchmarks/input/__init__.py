"""Benchmarks of how training reads its images; `make bench` runs them, each as a process of its own.

module     | what it measures
rates      | how many augmented images a second do three methods read?
share      | which part of a training step is reading?
seed_epoch | what does an epoch of the notebook's best network cost, with its own loader?
"""
