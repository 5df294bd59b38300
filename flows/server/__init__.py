"""The Prefect server of one workspace.

module      | what it answers
shared      | which server a run uses, and who starts and ends it
process     | how the server runs as a child command
environment | which settings the server and its clients need
password    | who may use the parts, and where is the password?
own_hosts   | by which names may the parts be reached?
connections | when is a connection closed, and which server does that?
gate        | which requests get an answer?
waiting     | how to wait for a process that starts
"""
