"""Votes of several people for the class of each image: how often each class was chosen.

module    | what it answers
column    | how does a manifest keep the votes, and which class did most people choose?
"""
