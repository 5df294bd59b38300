"""The Prefect server of one workspace.

module      | what it answers
shared      | which server a run uses, and who starts and ends it
process     | how the server runs as a child command
environment | which settings the server and its clients need
waiting     | how to wait for a process that starts
"""
