"""Process and machine: the child's side of the pipe, work on several cores, hardware, provenance.

module          | what it answers
child_process   | how does a child command print events, and exit with its parent?
shard_processes | how is a function called on many shards, on several cores?
shard_worker    | what does a process do that works on shards?
threads         | how is the next work done while the last result is used?
limits          | what do containers and services limit?
environment     | what does the environment need so that a run can start?
hardware        | which cores, memory and GPUs does this machine have?
file_systems    | is a directory on a disk of this machine?
provenance      | which code, machine and packages made a result?
"""
