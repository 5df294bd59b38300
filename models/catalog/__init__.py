"""Catalog: which networks can be trained, and by which recipe. Nothing here imports TensorFlow.

module       | what it answers
variants     | Which variants exist, and which function builds each one?
presets      | Which variants, views and recipes does a run use by default?
preset_names | Which presets are built in?
train_config | What is a training recipe made of?
seeds        | Which seeds do repeats of a training use?
repeats      | How are the results of several seeds joined?
student      | Which variant is the teacher in a distillation, and what is the student?
disk_space   | How much free disk space does a training need?
needs        | How much memory and how many GPUs does a training ask for?
"""
