"""The `emotion` command.

module          | what it answers
app             | where the command starts
package_origin  | whether Python finds this project's packages
commands        | run, ingest, audit, tune and report
model_commands  | emotion models: versions of the model and the champion
model_versions  | what emotion models prints and moves
champion        | predict, serve, export and score: the champion in use
review          | emotion review: labels that people correct
store           | emotion store: what several hosts share
up_commands     | up, down, status, schedule and deploy
upkeep_commands | prune, doctor, and the server that commands run with
report_commands | how stored reports are rendered again
options         | options that several commands share
terminal        | the two consoles
printing        | what the commands print
live_view       | what a terminal shows during a run
last_run        | which run started last
doctor          | whether this machine is ready
full_disk       | whether a full disk is behind an error
"""
