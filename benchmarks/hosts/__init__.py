"""Several hosts on this machine: network namespaces with addresses of their own, and what happens when one fails.

network   | the namespaces, their slow and lossy links, and their removal whatever happens
cluster   | Prefect's server on PostgreSQL, a store with the protocol of S3, workers, and runs
store     | the store, in a process of its own
faults    | what is broken, when, and what is checked afterwards: python -m benchmarks.hosts.faults
timeline  | when each training of a run was ready, began and ended, and on which host
placement | what it costs to place trainings on other hosts: python -m benchmarks.hosts.placement
"""
