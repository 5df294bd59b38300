"""Holm's correction, written apart from the project's own, to check it."""


def holm(p_values):
    """Multiply the smallest of k p-values by k, the next by k - 1 and so on; never above 1 nor below the one before."""
    found, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = largest
    return found
