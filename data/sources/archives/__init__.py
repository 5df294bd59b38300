"""Zip and tar archives.

module  | what it answers
entries | what does a zip or tar contain, and is it safe and complete?
parts   | which files are one of several parts, by their names?
streams | how are archives read without holding in memory what they declare?
"""
