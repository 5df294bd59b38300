"""Support for all tasks: child processes, outcomes, progress and links.

module           | what it answers
child_processes  | how is a child command started, followed and ended?
earlier_attempts | what happens to tasks of an attempt that was killed?
events           | which Prefect events does the pipeline emit?
gpu_slots        | which GPU does a training get that other processes of this host use least?
links            | where can a person read what a run made?
outcomes         | how does a task finish, and how does its caller get the record?
pool_runs        | how are runs on the workers of a pool started and ended?
progress         | how do watchers follow the task runs of this process?
shard_maps       | how is work on many shards done on this host's cores, or by Dask?
"""
