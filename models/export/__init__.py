"""Exports of a network: one module a format, the check of each, and what an answer needs beside the network.

module | what it answers
"""
