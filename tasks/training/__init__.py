"""Tasks that train: each runs a child command and logs its events.

module        | what it answers
distill       | how does a teacher label the views for a student?
checkpoints   | how does another host resume a training?
elsewhere     | how does a training run on another host?
remote        | what does another host need to train?
ensemble      | how do trained variants vote together?
train         | how is one variant trained?
training_log  | what do log and progress artifact show of a training?
trial         | how is one trial of a search trained, and when is it pruned?
"""
