"""Promotion of a variant to champion: from a policy and evidence to a decision with reasons.

policy     | what must a challenger fulfil
evidence   | what is known of challenger, candidates and champion on the same images
gain_bound | by how much is the best of several candidates at least better
decide     | does the challenger replace the champion, and why
"""
