"""Flows that wire the tasks into a run, and the `emotion` command.

module        | what it answers
retrain       | how a data set becomes a comparison report
ingest        | whether a data set is good enough
audit         | which labels are suspected to be wrong
tune          | which recipe suits a variant best
score         | which expressions photos of a source show
train_variant | how one training runs for another host
promote       | which version of the model is champion
parameters    | bounds and help of the parameters that flows share
settings      | paths, ports and limits of this machine
logs          | what a run logs
steps         | what several flows share
cli           | the `emotion` command
server        | the Prefect server of one workspace
service       | `emotion up`
"""
