"""Exports: a network in other formats, with what an answer needs, compared with the network before it is offered.

module      | what it answers
bundle      | What is in the directory of an export, and may it be used?
find        | Where is the export of a training, or of the champion?
reported    | By which labels did a report judge a training?
jobs        | What do the parent of an export and its child commands agree on?
training    | Which training and which images are behind an export?
facts       | What does an answer need besides the network?
write       | How is a network written in every format? (child command, TensorFlow)
saved_model | How is it written and loaded as SavedModel?
onnx_file   | How is it written and loaded as ONNX?
litert      | How is it written and loaded as LiteRT, in float32 and in int8?
check       | What does a format answer in its own runtime, and how fast is it? (child command)
gate        | Is a format offered?
copy        | How are formats copied out of the workspace?
readme      | What does the README of an export say?
packages    | Which packages of the extra are missing?
"""
